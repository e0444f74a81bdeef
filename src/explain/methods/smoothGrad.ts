import { keyOf, normal, STREAMS } from '../../engine/random.ts';
import type { Method } from '../method.ts';

/**
 * SmoothGrad (Smilkov et al., arXiv 1706.03825): the mean gradient over copies of the face with Gaussian
 * noise. The gradient of a network of ReLUs jumps from pixel to pixel; what is left of it after averaging
 * does not depend on the last bits of the picture.
 */
export const smoothGrad: Method = {
  title: 'SmoothGrad',
  unit: 'logit per full range of a pixel',
  grain: 'pixel',
  async explain(probe, subjects, { samples, noise, seed }) {
    const sums = subjects.map(({ pixels }) => new Float64Array(pixels.length));
    // The same noise for every face, so that a map does not depend on which faces are asked about with it.
    const keys = Array.from({ length: samples }, (_, sample) => keyOf(seed, STREAMS.noise, sample));
    const spread = subjects.map(({ pixels }) => noise * (Math.max(...pixels) - Math.min(...pixels)));
    const faceOf = (i: number): number => Math.floor(i / samples);
    await probe.gradients(
      {
        count: subjects.length * samples,
        draw: (i) =>
          subjects[faceOf(i)].pixels.map(
            (value, pixel) => value + spread[faceOf(i)] * normal(keys[i % samples], pixel),
          ),
        target: (i) => subjects[faceOf(i)].target,
      },
      (i, found) => {
        const sum = sums[faceOf(i)];
        for (let p = 0; p < sum.length; p++) sum[p] += found[p] / samples;
      },
    );
    return sums.map((values) => ({ values }));
  },
};
