import { hostname } from 'node:os';
import { SPLITS, type Split } from '../data/dataset.ts';
import { plainText } from '../term/plainText.ts';

export { plainText };

/** What came out of a trial, as far as it went. */
export interface TrialResult {
  /** Hash of the trial. */
  readonly trial: string;
  /**
   * `finished`: all epochs, or out of patience. `paused`: as many epochs as were asked for. `diverged`: values
   * were no longer finite, and never would be. `failed`: something else, which another try may get over.
   */
  readonly status: 'finished' | 'paused' | 'diverged' | 'failed';
  /** Validation accuracy after each epoch. */
  readonly accuracies: readonly number[];
  /** The epoch whose weights are `best.safetensors`. */
  readonly best: {
    readonly epoch: number;
    readonly valAccuracy: number;
    readonly valLoss: number;
    /** SHA-256 of the file of its weights. */
    readonly weights: string;
  } | null;
  /** Of those weights, once the trial has ended; null where there is no split to judge on. */
  readonly test?: { readonly split: Split; readonly accuracy: number; readonly images: number } | null;
  /** Training and validation. */
  readonly seconds: number;
  /** The machine, and the run folder on it. */
  readonly host: string;
  readonly run: string;
  /** Why it diverged or failed. */
  readonly problem?: string;
}

const STATUSES: readonly string[] = [
  'finished',
  'paused',
  'diverged',
  'failed',
] satisfies TrialResult['status'][];
const HASH = /^[0-9a-f]{16}$/;
const DIGEST = /^[0-9a-f]{64}$/;

export function isTrialHash(value: unknown): value is string {
  return typeof value === 'string' && HASH.test(value);
}

/** A result read from a file or a queue, or undefined if it is none. Texts lose their control characters. */
export function readResult(value: unknown): TrialResult | undefined {
  const given = value as TrialResult | null;
  if (typeof given !== 'object' || given === null) return undefined;
  const { trial, status, accuracies, best, test, seconds, host, run, problem } = given;
  const sound =
    isTrialHash(trial) &&
    STATUSES.includes(status) &&
    Array.isArray(accuracies) &&
    accuracies.every(isShare) &&
    (best === null || isBest(best, accuracies)) &&
    (best !== null) === accuracies.length > 0 &&
    (test === undefined || test === null || isTest(test)) &&
    isCount(seconds) &&
    [host, run, problem ?? ''].every((text) => typeof text === 'string');
  if (!sound) return undefined;
  return {
    trial,
    status,
    accuracies: [...accuracies],
    best: best && {
      epoch: best.epoch,
      valAccuracy: best.valAccuracy,
      valLoss: best.valLoss,
      weights: best.weights,
    },
    ...(test === undefined
      ? {}
      : { test: test && { split: test.split, accuracy: test.accuracy, images: test.images } }),
    seconds,
    host: plainText(host),
    run: plainText(run),
    ...(problem === undefined ? {} : { problem: plainText(problem) }),
  };
}

/**
 * The result of a trial that came to nothing, as seen from this machine.
 *
 * @param run its folder; empty where that is not known
 */
export function failedResult(trial: string, run: string, problem: string): TrialResult {
  return {
    trial,
    status: 'failed',
    accuracies: [],
    best: null,
    seconds: 0,
    host: hostname(),
    run,
    problem: plainText(problem),
  };
}

/** The highest validation accuracy of the first epochs, or undefined where there are not so many. */
export function bestWithin({ status, accuracies }: TrialResult, epochs: number): number | undefined {
  if (accuracies.length < epochs && status !== 'finished') return undefined;
  const seen = accuracies.slice(0, epochs);
  return seen.length === 0 ? undefined : Math.max(...seen);
}

/** Whether a trial was trained to its end, and its best weights were never judged on the test split. */
export function isUnjudged(result: TrialResult | undefined): boolean {
  return result?.status === 'finished' && result.test === undefined;
}

function isBest(best: NonNullable<TrialResult['best']>, accuracies: readonly number[]): boolean {
  const { epoch, valAccuracy, valLoss, weights } = best;
  return (
    Number.isSafeInteger(epoch) &&
    accuracies[epoch - 1] === valAccuracy &&
    isCount(valLoss) &&
    typeof weights === 'string' &&
    DIGEST.test(weights)
  );
}

function isTest({ split, accuracy, images }: NonNullable<TrialResult['test']>): boolean {
  return SPLITS.includes(split) && isShare(accuracy) && Number.isSafeInteger(images) && images > 0;
}

function isShare(value: unknown): value is number {
  return isCount(value) && value <= 1;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
