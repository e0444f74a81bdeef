import { FerError } from '../errors.ts';

/*
 * N images, C classes. Definitions are those of scikit-learn's metrics with zero_division=0: a figure whose
 * denominator is zero (precision of a class never predicted, recall of a class without images, kappa and
 * Matthews of a single class) is 0, never NaN, so that a result is always valid JSON.
 */

export interface ClassMetrics {
  readonly label: string;
  readonly precision: number;
  readonly recall: number;
  /** Harmonic mean of precision and recall. */
  readonly f1: number;
  /** Images that truly are of this class. */
  readonly support: number;
}

export interface AveragedMetrics {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** What is known of a network's answers on a set of images; the JSON of `fer evaluate`. */
export interface Metrics {
  readonly n: number;
  /** Share of images whose highest logit is the target's; the lower class wins a tie. */
  readonly accuracy: number;
  /** Share of images whose target is among the two highest logits. */
  readonly top2: number;
  /** Mean cross-entropy of the softmax, in nats. */
  readonly loss: number;
  /** Plain means over all C classes, those without images included. */
  readonly macro: AveragedMetrics;
  /** From the counts of all classes together; with one label an image all three are the accuracy. */
  readonly micro: AveragedMetrics;
  /** Mean recall over the classes that have images. */
  readonly balancedAccuracy: number;
  /** Agreement beyond what the class frequencies alone would give. */
  readonly cohenKappa: number;
  /** Matthews correlation for C classes (Gorodkin's R_K). */
  readonly matthews: number;
  readonly perClass: readonly ClassMetrics[];
  readonly labels: readonly string[];
  /** Counts, [C][C]: row the target, column the prediction. */
  readonly confusion: readonly (readonly number[])[];
  /** The same with every row divided by its sum; a row without images is all zero. */
  readonly confusionNormalized: readonly (readonly number[])[];
  /** Null where nothing was timed. */
  readonly imagesPerSecond: number | null;
  /** The images that are not among the training images as well; absent where all are of this kind, or nobody looked. */
  readonly unseen?: UnseenMetrics;
}

export interface UnseenMetrics {
  readonly n: number;
  readonly accuracy: number;
}

/**
 * @param logits `[N, C]` row-major
 * @param targets `[N]`, indices into `labels`
 * @param labels names of the C classes
 * @param seconds time the N images took, if it was measured
 * @throws FerError if there is no image, a logit is not finite or a target is no index into `labels`
 */
export function computeMetrics(
  logits: Float32Array | Float64Array,
  targets: ArrayLike<number>,
  labels: readonly string[],
  seconds?: number,
): Metrics {
  const N = targets.length;
  const C = labels.length;
  checkInput(logits, targets, N, C);
  const confusion = labels.map(() => new Array<number>(C).fill(0));
  let second = 0;
  let loss = 0;
  for (let n = 0; n < N; n++) {
    const row = logits.subarray(n * C, (n + 1) * C);
    const target = targets[n];
    const prediction = argmax(row);
    confusion[target][prediction]++;
    if (prediction !== target && rank(row, target) === 1) second++;
    loss += crossEntropy(row, target);
  }
  const hits = confusion.reduce((total, row, c) => total + row[c], 0);
  const { accuracy, ...rest } = countMetrics(confusion, labels);
  return {
    n: N,
    accuracy,
    top2: (hits + second) / N,
    loss: loss / N,
    ...rest,
    labels: [...labels],
    confusion,
    confusionNormalized: confusion.map((row) => row.map((count) => ratio(count, sum(row)))),
    imagesPerSecond: seconds === undefined ? null : ratio(N, seconds),
  };
}

/** The figures that follow from the confusion matrix alone. */
export type CountMetrics = Pick<
  Metrics,
  'accuracy' | 'macro' | 'micro' | 'balancedAccuracy' | 'cohenKappa' | 'matthews' | 'perClass'
>;

/**
 * @param confusion counts, [C][C]: row the target, column the prediction
 * @param labels names of the C classes
 */
export function countMetrics(
  confusion: readonly (readonly number[])[],
  labels: readonly string[],
): CountMetrics {
  const N = sum(confusion.map(sum));
  const hits = confusion.reduce((total, row, c) => total + row[c], 0);
  const accuracy = ratio(hits, N);
  const perClass = labels.map((label, c) => classMetrics(label, c, confusion));
  const present = perClass.filter(({ support }) => support > 0);
  return {
    accuracy,
    macro: {
      precision: mean(perClass.map(({ precision }) => precision)),
      recall: mean(perClass.map(({ recall }) => recall)),
      f1: mean(perClass.map(({ f1 }) => f1)),
    },
    micro: { precision: accuracy, recall: accuracy, f1: accuracy },
    balancedAccuracy: mean(present.map(({ recall }) => recall)),
    ...agreement(confusion, hits, N),
    perClass,
  };
}

/** Class with the highest logit; the first of equal ones. */
export function argmax(row: ArrayLike<number>): number {
  let best = 0;
  for (let c = 1; c < row.length; c++) if (row[c] > row[best]) best = c;
  return best;
}

/** Probabilities of one row of logits, in float64. The largest logit is taken out, so none overflows. */
export function softmax(row: ArrayLike<number>): number[] {
  const largest = row[argmax(row)];
  const powers = Array.from(row, (logit) => Math.exp(logit - largest));
  const total = sum(powers);
  return powers.map((power) => power / total);
}

/** -log(softmax(row)[target]), in nats; exact also where that probability underflows. */
export function crossEntropy(row: ArrayLike<number>, target: number): number {
  const largest = row[argmax(row)];
  let total = 0;
  for (let c = 0; c < row.length; c++) total += Math.exp(row[c] - largest);
  return Math.log(total) + (largest - row[target]);
}

/** Place of `target` among the logits from the highest, 0 first; of equal ones the lower class comes first. */
export function rank(row: ArrayLike<number>, target: number): number {
  let before = 0;
  for (let c = 0; c < row.length; c++) {
    if (row[c] > row[target] || (row[c] === row[target] && c < target)) before++;
  }
  return before;
}

function classMetrics(label: string, c: number, confusion: readonly (readonly number[])[]): ClassMetrics {
  const hits = confusion[c][c];
  const support = sum(confusion[c]);
  const predicted = sum(confusion.map((row) => row[c]));
  return {
    label,
    precision: ratio(hits, predicted),
    recall: ratio(hits, support),
    f1: ratio(2 * hits, predicted + support),
    support,
  };
}

function agreement(confusion: readonly (readonly number[])[], hits: number, N: number) {
  const actual = confusion.map(sum);
  const predicted = confusion.map((_, c) => sum(confusion.map((row) => row[c])));
  const chance = sum(actual.map((count, c) => count * predicted[c]));
  const spread = (counts: number[]): number => N * N - sum(counts.map((count) => count * count));
  return {
    cohenKappa: ratio(hits * N - chance, N * N - chance),
    matthews: ratio(hits * N - chance, Math.sqrt(spread(actual) * spread(predicted))),
  };
}

function checkInput(logits: ArrayLike<number>, targets: ArrayLike<number>, N: number, C: number): void {
  if (N === 0) throw new FerError('there is no image to judge: choose a split that has some');
  if (logits.length !== N * C) {
    throw new FerError(`${logits.length} logits for ${N} images of ${C} classes: expected ${N * C}`);
  }
  for (let n = 0; n < N; n++) {
    if (!(Number.isInteger(targets[n]) && targets[n] >= 0 && targets[n] < C)) {
      throw new FerError(`image ${n} has the target ${targets[n]}: expected 0 to ${C - 1}`);
    }
  }
  for (let i = 0; i < logits.length; i++) {
    if (!Number.isFinite(logits[i])) {
      throw new FerError(
        `the network answers image ${Math.floor(i / C)} with ${logits[i]}: its weights are useless, ` +
          'most likely because training diverged; train again with a lower lr',
      );
    }
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return ratio(sum(values), values.length);
}

function ratio(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}
