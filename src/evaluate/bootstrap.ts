import { keyOf, STREAMS, uniform } from '../engine/random.ts';
import { CALIBRATION_BINS, calibrationBin } from './calibration.ts';
import { type Judgement, predictionsOf } from './judge.ts';
import { countMetrics, crossEntropy, rank } from './metrics.ts';

/** Where a figure would lie with other images of the same kind. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Figures of a judgement that get an interval. */
export const FIGURES = [
  'accuracy',
  'balancedAccuracy',
  'macroF1',
  'top2',
  'loss',
  'ece',
  'cohenKappa',
  'matthews',
] as const;
export type Figure = (typeof FIGURES)[number];

export interface ClassIntervals {
  readonly label: string;
  /** Null where the figure is not defined in any resample: a class without images. */
  readonly precision: Interval | null;
  readonly recall: Interval | null;
  readonly f1: Interval | null;
}

export interface Bootstrap {
  readonly resamples: number;
  /** Share of the resamples inside an interval. */
  readonly level: number;
  readonly figures: Readonly<Record<Figure, Interval>>;
  readonly perClass: readonly ClassIntervals[];
  /** Accuracy of each resample. Judgements of the same images and seed share their resamples. */
  readonly accuracies: Float64Array;
}

export interface BootstrapOptions {
  readonly resamples?: number;
  readonly seed?: number;
  readonly level?: number;
}

/**
 * Percentile bootstrap (Efron and Tibshirani 1993, chapter 13): the N images are drawn again with
 * replacement, `resamples` times, and every figure is computed anew.
 */
export function bootstrap(
  judgement: Pick<Judgement, 'logits' | 'targets' | 'metrics'>,
  { resamples = 2000, seed = 0, level = 0.95 }: BootstrapOptions = {},
): Bootstrap {
  const { targets } = judgement;
  const { labels } = judgement.metrics;
  const C = labels.length;
  const N = targets.length;
  const images = partsOf(judgement);
  const figures = Object.fromEntries(FIGURES.map((name) => [name, new Float64Array(resamples)])) as Record<
    Figure,
    Float64Array
  >;
  const perClass = labels.map((label) => ({
    label,
    precision: [] as number[],
    recall: [] as number[],
    f1: [] as number[],
  }));
  for (let r = 0; r < resamples; r++) {
    const key = keyOf(seed, STREAMS.bootstrap, r);
    const confusion = labels.map(() => new Array<number>(C).fill(0));
    const gaps = new Float64Array(CALIBRATION_BINS);
    let top2 = 0;
    let loss = 0;
    for (let i = 0; i < N; i++) {
      const n = Math.floor(uniform(key, i) * N);
      confusion[targets[n]][images.predictions[n]]++;
      gaps[images.bins[n]] += images.gaps[n];
      top2 += images.top2[n];
      loss += images.losses[n];
    }
    const counted = countMetrics(confusion, labels);
    figures.accuracy[r] = counted.accuracy;
    figures.balancedAccuracy[r] = counted.balancedAccuracy;
    figures.macroF1[r] = counted.macro.f1;
    figures.top2[r] = top2 / N;
    figures.loss[r] = loss / N;
    figures.ece[r] = gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / N;
    figures.cohenKappa[r] = counted.cohenKappa;
    figures.matthews[r] = counted.matthews;
    counted.perClass.forEach(({ support, precision, recall, f1 }, c) => {
      const predicted = confusion.some((row) => row[c] > 0);
      // A ratio of 0 to 0 tells nothing.
      if (predicted) perClass[c].precision.push(precision);
      if (support > 0) perClass[c].recall.push(recall);
      if (predicted || support > 0) perClass[c].f1.push(f1);
    });
  }
  const interval = (values: ArrayLike<number>): Interval => intervalOf(values, level);
  return {
    resamples,
    level,
    figures: Object.fromEntries(FIGURES.map((name) => [name, interval(figures[name])])) as Record<
      Figure,
      Interval
    >,
    perClass: perClass.map(({ label, ...found }) => {
      const known = (values: readonly number[]) => (values.length === 0 ? null : interval(values));
      return { label, precision: known(found.precision), recall: known(found.recall), f1: known(found.f1) };
    }),
    accuracies: figures.accuracy,
  };
}

/** The middle `level` of some values. */
export function intervalOf(values: ArrayLike<number>, level: number): Interval {
  const sorted = Float64Array.from(values).sort();
  return { low: quantile(sorted, (1 - level) / 2), high: quantile(sorted, (1 + level) / 2) };
}

/** Between two values in proportion: NumPy's default, type 7 of Hyndman and Fan. */
function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

/** What each image adds to the figures. */
function partsOf(judgement: Parameters<typeof bootstrap>[0]) {
  const { logits, targets, metrics } = judgement;
  const C = metrics.labels.length;
  const N = targets.length;
  const predictions = new Uint8Array(N);
  const bins = new Uint8Array(N);
  /** Confidence less being right: its sum over a bin is what the bin adds to the calibration error. */
  const gaps = new Float64Array(N);
  const top2 = new Uint8Array(N);
  const losses = new Float64Array(N);
  for (const [n, { label, confidence, correct }] of predictionsOf(judgement).entries()) {
    const row = logits.subarray(n * C, (n + 1) * C);
    predictions[n] = label;
    bins[n] = calibrationBin(confidence);
    gaps[n] = confidence - (correct ? 1 : 0);
    top2[n] = rank(row, targets[n]) < 2 ? 1 : 0;
    losses[n] = crossEntropy(row, targets[n]);
  }
  return { predictions, bins, gaps, top2, losses };
}
