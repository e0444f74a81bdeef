import { type Interval, intervalOf } from '../evaluate/bootstrap.ts';
import { holm, type McNemar, mcnemar } from '../evaluate/mcnemar.ts';
import type { JudgedRun } from './judgedRun.ts';

/** Two runs on the same images. */
export interface Pair extends McNemar {
  readonly first: string;
  readonly second: string;
  /** Accuracy of the first less that of the second, and the interval it lies in. */
  readonly difference: number;
  readonly interval: Interval;
  /** `p` corrected by Holm for the number of pairs. */
  readonly corrected: number;
}

/** Every pair of runs, in their order. */
export function comparePairs(runs: readonly JudgedRun[]): Pair[] {
  const pairs = runs.flatMap((first, i) =>
    runs.slice(i + 1).map((second) => {
      const [a, b] = [first, second].map(({ predictions }) => predictions.map(({ correct }) => correct));
      // Both bootstraps drew the same images, so the difference is taken draw by draw.
      const differences = first.bootstrap.accuracies.map(
        (accuracy, r) => accuracy - second.bootstrap.accuracies[r],
      );
      return {
        first: first.name,
        second: second.name,
        difference: first.judgement.metrics.accuracy - second.judgement.metrics.accuracy,
        interval: intervalOf(differences, first.bootstrap.level),
        ...mcnemar(a, b),
      };
    }),
  );
  const corrected = holm(pairs.map(({ p }) => p));
  return pairs.map((pair, i) => ({ ...pair, corrected: corrected[i] }));
}
