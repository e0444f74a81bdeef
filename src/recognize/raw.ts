import { PictureError } from '../errors.ts';
import { BACKDROP, type RgbaImage } from '../image/image.ts';
import type { RawPicture } from './types.ts';

/**
 * A copy of raw pixels, for another thread.
 *
 * @throws PictureError if `data` is not width x height pixels of 1, 3 or 4 bytes
 */
export function rawCopy({ width, height, data }: RawPicture): RawPicture {
  if (!isBytes(data)) {
    throw new PictureError(
      `raw pixels: data is ${describeValue(data)}, expected a Uint8Array or Uint8ClampedArray, 0 to 255 a value`,
    );
  }
  const whole = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0;
  const channels = whole ? data.length / (width * height) : Number.NaN;
  if (channels !== 1 && channels !== 3 && channels !== 4) {
    throw new PictureError(
      `raw pixels: ${data.length} bytes for ${width}x${height}, expected 1 (grey), 3 (RGB) or 4 (RGBA) a pixel`,
    );
  }
  return { width, height, data: Uint8Array.from(data) };
}

/** Raw pixels as opaque RGBA: transparent parts on mid-grey. */
export function rgbaOf({ width, height, data }: RawPicture): RgbaImage {
  const channels = data.length / (width * height);
  const rgba = new Uint8Array(4 * width * height);
  for (let i = 0; i < width * height; i++) {
    const from = channels * i;
    const share = channels === 4 ? data[from + 3] / 255 : 1;
    for (let k = 0; k < 3; k++) {
      const value = data[channels === 1 ? from : from + k];
      rgba[4 * i + k] = share === 1 ? value : Math.round(share * value + (1 - share) * BACKDROP);
    }
    rgba[4 * i + 3] = 255;
  }
  return { width, height, data: rgba };
}

/** By its tag: an array of another frame or context is of another class. */
export function isBytes(value: unknown): value is Uint8Array {
  return /^Uint8(Clamped)?Array$/.test(
    (value as Partial<Uint8Array> | null | undefined)?.[Symbol.toStringTag] ?? '',
  );
}

/** What a value that should be something else is, for messages. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? `an object of ${value.constructor?.name ?? 'no class'}` : typeof value;
}
