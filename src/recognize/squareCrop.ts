import type { RgbaImage } from '../face/image.ts';
import { resample } from '../face/resample.ts';
import { luma } from '../image/luma.ts';
import type { Box } from './types.ts';

/** The largest centred square of a picture: a stretched face is another expression. */
export function squareOf({ width, height }: RgbaImage): Box {
  const side = Math.min(width, height);
  return { x: Math.floor((width - side) / 2), y: Math.floor((height - side) / 2), width: side, height: side };
}

/**
 * A square of an opaque picture as `readGrayImage` would make a face of it: scaled with an antialiasing bilinear
 * filter, grey by BT.601.
 *
 * @returns [size, size] row-major, 0 black to 255 white
 */
export function squareCrop(picture: RgbaImage, box: Box, size: number): Uint8Array {
  const rgb = resample(picture, box, { width: size, height: size, border: 'repeat' });
  return Uint8Array.from({ length: size * size }, (_, i) =>
    luma(Math.round(rgb[3 * i]), Math.round(rgb[3 * i + 1]), Math.round(rgb[3 * i + 2])),
  );
}
