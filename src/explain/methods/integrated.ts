import { baselineOf } from '../baseline.ts';
import type { Found, Method, MethodSettings, Subject } from '../method.ts';
import type { Probe } from '../probe.ts';

/** What the sum of the attributions may lack of the score difference before points are added. */
const TOLERANCE = 0.01;
/** A score as it comes from a network in float32 is known to this share of the scores on the way. */
const ROUNDING = 2e-6;
/** Points are added up to so many times `steps`: a difference near 0 would need very many. */
const MOST = 32;
/** The share of the intervals that is halved at a time: those that miss most. */
const SHARE = 0.25;

/** A piece of the way from the baseline (0) to the face (1), with the gradient at its middle. */
interface Interval {
  readonly from: number;
  readonly to: number;
  /** Scores at both ends and in the middle. */
  readonly start: number;
  readonly end: number;
  readonly middle: number;
  /** Gradient at the middle times the way, [size, size]. */
  readonly attributions: Float64Array;
  /** By how much the sum of the attributions misses the rise of the score. */
  readonly gap: number;
}

/**
 * Integrated gradients (Sundararajan, Taly & Yan, arXiv 1703.01365): (x - b) times the mean gradient on the
 * straight way from a baseline b to the face x. Its sum is the difference of their scores: completeness.
 *
 * A network of ReLUs and maxima is linear in pieces, so the midpoint rule is exact between two kinks. Since
 * the rise of the score over an interval is known, so is what the interval misses: intervals that miss most
 * are halved until the sum is complete.
 */
export const integrated: Method = {
  title: 'Integrated gradients',
  unit: 'logit',
  grain: 'pixel',
  async explain(probe, subjects, settings) {
    const found: Found[] = [];
    for (const subject of subjects) found.push(await integrate(probe, subject, settings));
    return found;
  },
};

async function integrate(
  probe: Probe,
  subject: Subject,
  { steps, baseline }: MethodSettings,
): Promise<Found> {
  const { pixels, target } = subject;
  const base = baselineOf(pixels, baseline);
  const at = (position: number): Float64Array => pixels.map((x, p) => base[p] + (x - base[p]) * position);
  const ends = await probe.scores({ count: steps + 1, draw: (i) => at(i / steps) });
  const scoreAt = (i: number): number => ends[i * probe.labels + target];
  const difference = scoreAt(steps) - scoreAt(0);

  /** The intervals between neighbouring positions, whose scores are known. */
  const measure = async (pieces: readonly Omit<Interval, 'middle' | 'attributions' | 'gap'>[]) => {
    const intervals: Interval[] = [];
    const faces = {
      count: pieces.length,
      draw: (i: number) => at((pieces[i].from + pieces[i].to) / 2),
      target: () => target,
    };
    await probe.gradients(faces, (i, gradient, middle) => {
      const { from, to, start, end } = pieces[i];
      const attributions = gradient.map((slope, p) => slope * (pixels[p] - base[p]) * (to - from));
      intervals.push({ ...pieces[i], middle, attributions, gap: end - start - sum(attributions) });
    });
    return intervals;
  };

  const first = Array.from({ length: steps }, (_, i) => ({
    from: i / steps,
    to: (i + 1) / steps,
    start: scoreAt(i),
    end: scoreAt(i + 1),
  }));
  let intervals = await measure(first);
  let points = intervals.length;
  const rounding = ROUNDING * ends.reduce((most, score) => Math.max(most, Math.abs(score)), 0);
  const missing = (): number => Math.abs(intervals.reduce((all, { gap }) => all + gap, 0));
  while (missing() > Math.max(TOLERANCE * Math.abs(difference), rounding) && points < MOST * steps) {
    intervals.sort((a, b) => Math.abs(b.gap) - Math.abs(a.gap));
    const halved = intervals.splice(0, Math.ceil(SHARE * intervals.length));
    const halves = halved.flatMap(({ from, to, start, end, middle }) => [
      { from, to: (from + to) / 2, start, end: middle },
      { from: (from + to) / 2, to, start: middle, end },
    ]);
    intervals = [...intervals, ...(await measure(halves))];
    points += halves.length;
  }

  const values = new Float64Array(pixels.length);
  for (const { attributions } of intervals)
    for (let p = 0; p < values.length; p++) values[p] += attributions[p];
  const gap = missing() > rounding ? missing() / Math.abs(difference) : 0;
  return { values, figures: { difference, sum: sum(values), gap, points } };
}

function sum(values: Float64Array): number {
  return values.reduce((all, value) => all + value, 0);
}
