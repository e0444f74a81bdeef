import { MIXTURE } from './kernels.ts';
import { bits, keyOf, normal, uniform } from './random.ts';

/** How a batch is mixed with itself; each the alpha of Beta(alpha, alpha), 0 is none of it. */
export interface MixtureOptions {
  /** Zhang et al., arXiv 1710.09412: a weighted sum of two samples. */
  readonly mixup: number;
  /** Yun et al., arXiv 1905.04899: a box of one sample in another. */
  readonly cutmix: number;
}

/**
 * The values of the `mixture` tensor for one batch of samples of `side` pixels, from a key of its own. All
 * samples of a batch share one draw, as in both papers and by default in timm; where both kinds are on, one
 * of them is drawn with even odds.
 */
export function drawMixture(key: number, { mixup, cutmix }: MixtureOptions, side: number): Float32Array {
  const values = new Float32Array(MIXTURE.length);
  if (mixup === 0 && cutmix === 0) return values;
  const cuts = mixup > 0 && cutmix > 0 ? uniform(key, 0) < 0.5 : cutmix > 0;
  const share = beta(keyOf(key, 1), cuts ? cutmix : mixup);
  if (!cuts) {
    values[MIXTURE.share] = share;
    values[MIXTURE.labelShare] = share;
    return values;
  }
  // The box would have that share of the area; what leaves the sample is cut, and the label's share with it.
  const half = Math.floor(side * Math.sqrt(share)) / 2;
  const [left, right] = segment(Math.floor(uniform(key, 1) * side), half, side);
  const [top, bottom] = segment(Math.floor(uniform(key, 2) * side), half, side);
  values[MIXTURE.left] = left;
  values[MIXTURE.top] = top;
  values[MIXTURE.width] = right - left;
  values[MIXTURE.height] = bottom - top;
  values[MIXTURE.labelShare] = ((right - left) * (bottom - top)) / side ** 2;
  return values;
}

/** From `half` before to `half` behind the centre, in whole pixels, inside the sample. */
function segment(centre: number, half: number, side: number): [number, number] {
  return [Math.max(0, Math.ceil(centre - half)), Math.min(side, Math.ceil(centre + half))];
}

/** A draw of Beta(alpha, alpha): the share of one of two gamma draws in their sum. */
function beta(key: number, alpha: number): number {
  return 1 / (1 + Math.exp(logGamma(keyOf(key, 1), alpha) - logGamma(keyOf(key, 2), alpha)));
}

/**
 * The logarithm of a draw of Gamma(shape, 1): Marsaglia & Tsang, ACM TOMS 26, 2000. A logarithm, because
 * the draws of a small shape are below all floating-point numbers more often than not.
 */
function logGamma(key: number, shape: number): number {
  // Their method needs a shape of 1 at least; a smaller one is reached by a power of a uniform draw.
  if (shape < 1) return logGamma(keyOf(key, 0), shape + 1) + Math.log(positive(key, 0)) / shape;
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (let attempt = 0; ; attempt++) {
    const x = normal(keyOf(key, 1), attempt);
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    const bound = (x * x) / 2 + d - d * v + d * Math.log(v);
    if (Math.log(positive(keyOf(key, 2), attempt)) < bound) return Math.log(d * v);
  }
}

/** Uniform in (0, 1), never 0, so that it has a logarithm. */
function positive(key: number, counter: number): number {
  return (bits(key, counter) + 0.5) / 2 ** 32;
}
