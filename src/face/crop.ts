import { luma } from '../image/luma.ts';
import type { Face } from './detector.ts';
import { type Box, checkImage, type RgbaImage } from './image.ts';
import { resample } from './resample.ts';

/** Side of the crop over that of the detector's box. */
const SCALE = 1;

/** Down from the box's centre to the crop's, over the side of the box. */
const DOWN = 0;

/** The square around a face that FER2013 would show of it. */
export function cropBox({ box }: Pick<Face, 'box'>): Box {
  const side = (box.width + box.height) / 2;
  const x = box.x + box.width / 2;
  const y = box.y + box.height / 2 + DOWN * side;
  const half = (SCALE * side) / 2;
  return { x: x - half, y: y - half, width: 2 * half, height: 2 * half };
}

/**
 * A face as the networks take it: framed as FER2013 frames faces, grey by BT.601 on gamma-encoded values. Where
 * the frame reaches beyond the picture, its edge is repeated.
 *
 * @returns [size, size], 0 black to 255 white
 */
export function cropFace(image: RgbaImage, face: Face, size: number): Uint8Array {
  checkImage(image);
  const rgb = resample(image, cropBox(face), { width: size, height: size, border: 'repeat' });
  const gray = new Uint8Array(size * size);
  for (let i = 0; i < gray.length; i++) {
    const [r, g, b] = [3 * i, 3 * i + 1, 3 * i + 2].map((at) => Math.round(rgb[at]));
    gray[i] = luma(r, g, b);
  }
  return gray;
}
