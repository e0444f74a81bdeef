import type { TrialResult } from './result.ts';
import type { Order } from './search.ts';

/** An epoch that has ended somewhere. */
export interface EpochReport {
  /** Counted from 1. */
  readonly epoch: number;
  /** On the validation split. */
  readonly accuracy: number;
  readonly seconds: number;
}

/** Where trials are carried out. */
export interface Runner {
  /** Trials it takes at a time. */
  readonly capacity: number;
  /**
   * Carries an order out. A trial that goes wrong is a result; only what stops the whole study rejects.
   *
   * @returns undefined if it was stopped: then the trial can go on another time
   */
  run(order: Order, onEpoch: (report: EpochReport) => void): Promise<TrialResult | undefined>;
  /** Has the trials under way save and end, as far as they are this process's. */
  stop(): void;
  close(): Promise<void>;
}

/** Threads for each of so many trials at a time: all are used, and each trial has one at least. */
export function shareThreads(threads: number, jobs: number): number[] {
  const each = Math.floor(threads / jobs);
  return Array.from({ length: jobs }, (_, job) => Math.max(1, each + (job < threads % jobs ? 1 : 0)));
}
