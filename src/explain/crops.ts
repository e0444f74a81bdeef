import { fixedCrop } from '../engine/augment.ts';

/**
 * The crops through which a network looks at a face: prediction averages the logits of `count` of them.
 * All functions here use the places that `fixedCrop` gives to the kernels.
 */
export interface Crops {
  /** Side of the face, in pixels. */
  readonly size: number;
  /** S: side of a crop. */
  readonly side: number;
  readonly count: 1 | 10;
}

/** Cuts a face [size, size] into its crops [count, S, S], written to `out`. */
export function cutCrops(face: ArrayLike<number>, crops: Crops, out: Float64Array): void {
  eachPixel(crops, (pixel, place) => {
    out[place] = face[pixel];
  });
}

/**
 * Adds what was found for every pixel of every crop [count, S, S] to the pixel of the face [size, size] it
 * was cut from, mirrored crops mirrored back. This is the transpose of `cutCrops`, so it turns gradients by
 * the crops into the gradient by the face.
 */
export function addCrops(parts: ArrayLike<number>, crops: Crops, face: Float64Array): void {
  eachPixel(crops, (pixel, place) => {
    face[pixel] += parts[place];
  });
}

/** In how many crops each pixel of a face is seen, [size, size]: fewer at the border than in the middle. */
export function coverage(crops: Crops): Float64Array {
  const seen = new Float64Array(crops.size ** 2);
  eachPixel(crops, (pixel) => {
    seen[pixel]++;
  });
  return seen;
}

/**
 * One map of the face [size, size] from a map for every crop [count, S, S]: each pixel gets the mean of
 * the crops that see it, and 0 where none does.
 */
export function averageCrops(parts: ArrayLike<number>, crops: Crops): Float64Array {
  const sum = new Float64Array(crops.size ** 2);
  addCrops(parts, crops, sum);
  const seen = coverage(crops);
  return sum.map((value, pixel) => (seen[pixel] > 0 ? value / seen[pixel] : 0));
}

function eachPixel({ size, side, count }: Crops, visit: (pixel: number, place: number) => void): void {
  for (let crop = 0; crop < count; crop++) {
    const { left, top, mirror } = fixedCrop(size, side, count, crop);
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const column = left + (mirror ? side - 1 - x : x);
        visit((top + y) * size + column, (crop * side + y) * side + x);
      }
    }
  }
}
