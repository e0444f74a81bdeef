import type { Box, RgbaImage } from './image.ts';
import { luma } from './luma.ts';
import { resample } from './resample.ts';

/**
 * A box of an opaque picture as `readGrayImage` would make a face of it: scaled with an antialiasing bilinear filter,
 * grey by BT.601 on gamma-encoded values. Where the box reaches beyond the picture, its edge is repeated.
 *
 * @returns [size, size] row-major, 0 black to 255 white
 */
export function grayCrop(image: RgbaImage, box: Box, size: number): Uint8Array {
  const rgb = resample(image, box, { width: size, height: size, border: 'repeat' });
  const gray = new Uint8Array(size * size);
  for (let i = 0; i < gray.length; i++) {
    const at = 3 * i;
    gray[i] = luma(Math.round(rgb[at]), Math.round(rgb[at + 1]), Math.round(rgb[at + 2]));
  }
  return gray;
}
