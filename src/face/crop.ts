import { grayCrop } from '../image/grayCrop.ts';
import { type Box, checkImage, type RgbaImage } from '../image/image.ts';
import type { Face } from './detector.ts';

/*
 * How FER2013 frames a face, measured on 985 of 1,000 training images, each in the middle of a black picture twice as
 * wide: the side of the detector's box is 0.845 of the frame's, its centre lies at 0.499 and 0.574 of the frame from
 * left and top, the eyes at 0.39 of its height, the mouth at 0.77. The constants are medians (300 images without the
 * black say 1.179 and -0.085). The frame that they predict overlaps the true one by 0.75 (mean intersection over
 * union), since FER2013 varies itself: half of the boxes are from 0.77 to 0.93 of the frame. Frames from eyes, mouth
 * or ears instead come to 0.72 to 0.76, so nothing is gained by trusting single points.
 *
 * Faces are not turned upright: FER2013's are not either (nine in ten lie between 20 degrees to one side and 23 to the
 * other), so the networks know tilted faces, and would see turned ones with corners that no picture has.
 */

/** Side of the crop over that of the detector's box. */
const SCALE = 1.183;

/** From the box's centre down to the crop's, over the side of the box. */
const DOWN = -0.088;

/** The square around a face that FER2013 would show of it. */
export function cropBox({ box }: Pick<Face, 'box'>): Box {
  const side = (box.width + box.height) / 2;
  const x = box.x + box.width / 2;
  const y = box.y + box.height / 2 + DOWN * side;
  const half = (SCALE * side) / 2;
  return { x: x - half, y: y - half, width: 2 * half, height: 2 * half };
}

/** Boxes beyond so many times the picture's longer side, in size or place, are no faces in it, and would take memory. */
const FARTHEST = 100;

/**
 * A face as the networks take it: framed as FER2013 frames faces, grey by BT.601 on gamma-encoded values. Where
 * the frame reaches beyond the picture, its edge is repeated.
 *
 * @returns [size, size], 0 black to 255 white
 * @throws RangeError if `image` is no picture, or the face's box none in it
 */
export function cropFace(image: RgbaImage, face: Pick<Face, 'box'>, size: number): Uint8Array {
  checkImage(image);
  checkBox(face.box, image);
  return grayCrop(image, cropBox(face), size);
}

/** @throws RangeError */
function checkBox({ x, y, width, height }: Box, image: RgbaImage): void {
  const most = FARTHEST * Math.max(image.width, image.height);
  // Not a number is within nothing.
  const within = [x, y, width, height].every((value) => Math.abs(value) <= most);
  if (within && width >= 0 && height >= 0) return;
  throw new RangeError(
    `expected a box of a face in a picture of ${image.width}x${image.height} pixels; ` +
      `found one of ${width}x${height} at ${x}, ${y}`,
  );
}
