/** Faces without information, from which integrated gradients start and which occlusion shows. */
export const BASELINES = ['black', 'white', 'grey', 'mean', 'blur'] as const;
export type BaselineName = (typeof BASELINES)[number];

/** Standard deviation of the blur as a share of the face's side: nothing of a mouth or an eye is left. */
const BLUR = 1 / 8;

/** The baseline of a face [size, size] of 0..1, in a new array of that shape. */
export function baselineOf(face: Float64Array, name: BaselineName): Float64Array {
  switch (name) {
    case 'black':
      return new Float64Array(face.length);
    case 'white':
      return new Float64Array(face.length).fill(1);
    case 'grey':
      return new Float64Array(face.length).fill(0.5);
    case 'mean':
      return new Float64Array(face.length).fill(face.reduce((sum, value) => sum + value, 0) / face.length);
    case 'blur':
      return blurred(face, Math.sqrt(face.length));
    default:
      return name satisfies never;
  }
}

/** A Gaussian blur along rows, then columns; beyond the border lies what is on it. */
function blurred(face: Float64Array, size: number): Float64Array {
  const sigma = BLUR * size;
  const reach = Math.ceil(3 * sigma);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * sigma ** 2)),
  );
  const total = weights.reduce((sum, weight) => sum + weight);
  const along = (from: Float64Array, step: number, across: number): Float64Array => {
    const to = new Float64Array(from.length);
    for (let line = 0; line < size; line++) {
      for (let p = 0; p < size; p++) {
        let sum = 0;
        for (let i = 0; i < weights.length; i++) {
          const q = Math.min(Math.max(p + i - reach, 0), size - 1);
          sum += weights[i] * from[line * across + q * step];
        }
        to[line * across + p * step] = sum / total;
      }
    }
    return to;
  };
  return along(along(face, 1, size), size, 1);
}
