/** A picture in memory: 8-bit RGBA, row-major, as canvases and decoders give it. Alpha is not looked at. */
export interface RgbaImage {
  readonly width: number;
  readonly height: number;
  /** [height, width, 4] */
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** A rectangle in pixels of a picture; it may be fractional and reach beyond the edges. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Refuses what is no picture before anything is computed from it.
 *
 * @throws RangeError
 */
export function checkImage({ width, height, data }: RgbaImage): void {
  const whole = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0;
  if (!whole || data.length !== 4 * width * height) {
    throw new RangeError(
      `expected RGBA pixels, 4 bytes each, of a picture at least 1x1 in size; found ${data.length} bytes for ${width}x${height}`,
    );
  }
}
