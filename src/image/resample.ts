import type { Box, RgbaImage } from './image.ts';

/** Which pixels an output takes, and how much of each. */
interface Taps {
  /** First pixel of each output, and of the one behind the last tap. */
  readonly first: Int32Array;
  /** [outputs, most], adding up to 1 where all lie inside. */
  readonly weights: Float32Array;
  readonly most: number;
}

/** What stands beyond a picture's edges. */
export type Border = 'black' | 'repeat';

/**
 * Cuts a box out of a picture and scales it, with a triangle filter as wide as an output pixel (bilinear where it
 * enlarges, antialiased where it shrinks; Pillow's and torchvision's).
 *
 * @returns RGB [height, width, 3], 0..255, not rounded
 */
export function resample(
  image: RgbaImage,
  box: Box,
  { width, height, border }: { width: number; height: number; border: Border },
): Float32Array {
  const across = tapsOf(box.x, box.width, width, image.width, border);
  const down = tapsOf(box.y, box.height, height, image.height, border);
  const result = new Float32Array(3 * width * height);
  const row = new Float32Array(3 * width);
  // A row of the picture is shrunk once and added to every output row that takes a share of it.
  let next = 0;
  const last = down.first[height - 1] + down.most;
  for (let y = Math.max(0, down.first[0]); y < Math.min(last, image.height); y++) {
    while (next < height && down.first[next] + down.most <= y) next++;
    if (next === height) break;
    shrinkRow(image, y, across, row);
    for (let out = next; out < height && down.first[out] <= y; out++) {
      const weight = down.weights[out * down.most + y - down.first[out]];
      if (weight === 0) continue;
      const to = out * row.length;
      for (let i = 0; i < row.length; i++) result[to + i] += weight * row[i];
    }
  }
  return result;
}

function shrinkRow({ data, width }: RgbaImage, y: number, taps: Taps, row: Float32Array): void {
  const { first, weights, most } = taps;
  const start = 4 * y * width;
  for (let out = 0; out < first.length; out++) {
    let [r, g, b] = [0, 0, 0];
    const begin = Math.max(0, first[out]);
    const end = Math.min(first[out] + most, width);
    let at = start + 4 * begin;
    for (let x = begin, tap = out * most + begin - first[out]; x < end; x++, tap++) {
      const weight = weights[tap];
      r += weight * data[at];
      g += weight * data[at + 1];
      b += weight * data[at + 2];
      at += 4;
    }
    row[3 * out] = r;
    row[3 * out + 1] = g;
    row[3 * out + 2] = b;
  }
}

/**
 * @param start, length the part of the picture's side that is taken
 * @param size the picture's side
 */
function tapsOf(start: number, length: number, outputs: number, size: number, border: Border): Taps {
  const scale = length / outputs;
  const support = Math.max(1, scale);
  const most = 2 * Math.ceil(support) + 1;
  const first = new Int32Array(outputs);
  const weights = new Float32Array(outputs * most);
  for (let out = 0; out < outputs; out++) {
    const centre = start + (out + 0.5) * scale;
    const from = Math.floor(centre - support);
    const to = from + most;
    // What lies outside goes to the pixel at the edge, if the edge is repeated.
    first[out] = border === 'repeat' ? Math.min(Math.max(from, 0), Math.max(0, size - most)) : from;
    let sum = 0;
    for (let x = from; x < to; x++) sum += Math.max(0, 1 - Math.abs(x + 0.5 - centre) / support);
    for (let x = from; x < to; x++) {
      const share = Math.max(0, 1 - Math.abs(x + 0.5 - centre) / support) / sum;
      const place = border === 'repeat' ? Math.min(Math.max(x, 0), size - 1) : x;
      if (share > 0) weights[out * most + place - first[out]] += share;
    }
  }
  return { first, weights, most };
}
