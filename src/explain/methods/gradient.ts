import type { Method } from '../method.ts';

/**
 * The gradient of the score by the pixels (Simonyan, Vedaldi & Zisserman, arXiv 1312.6034): how strongly a
 * small change of a pixel moves the score. The map of usef-kh/fer; it rescales every row for itself, which
 * makes rows look alike that are not, so here the map is rescaled as a whole.
 */
export const gradient: Method = {
  title: 'Gradient',
  unit: 'logit per full range of a pixel',
  grain: 'pixel',
  async explain(probe, subjects) {
    const values: Float64Array[] = [];
    await probe.gradients(
      {
        count: subjects.length,
        draw: (i) => subjects[i].pixels,
        target: (i) => subjects[i].target,
      },
      (_, found) => values.push(found),
    );
    return values.map((map) => ({ values: map }));
  },
};
