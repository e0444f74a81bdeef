/** A picture in memory: 8-bit RGBA, row-major, as canvases and decoders give it. Alpha is not looked at. */
export interface RgbaImage {
  readonly width: number;
  readonly height: number;
  /** [height, width, 4] */
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** A rectangle in pixels of the upright picture; it may be fractional and reach beyond the edges. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A place in pixels of a picture, as a box has them. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The longer side of a photograph in memory: 36 MiB of pixels where it is a square. A face that is tiny then shows nothing. */
export const LONGEST_SIDE = 3072;

/** What transparent parts are shown on: mid-grey adds the weakest edge to a face cut out of its background. */
export const BACKDROP = 128;

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
