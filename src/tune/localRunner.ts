import type { TrialResult } from './result.ts';
import { type EpochReport, type Runner, shareThreads } from './runner.ts';
import type { TrialTask } from './runTrial.ts';
import type { Order } from './search.ts';
import { TrialChild } from './trialChild.ts';

export interface LocalOptions extends Pick<TrialTask, 'runs' | 'data' | 'test'> {
  /** Trials at a time. */
  readonly jobs: number;
  /** Threads of all of them together. */
  readonly threads: number;
  /** The program of a trial's process; for tests. */
  readonly program?: string;
}

/** Trials on this machine, each in a process of its own: one that crashes takes nothing with it. */
export class LocalRunner implements Runner {
  readonly capacity: number;
  readonly #options: LocalOptions;
  /** Threads of the places that are free. */
  readonly #free: number[];
  readonly #children = new Set<TrialChild>();

  constructor(options: LocalOptions) {
    this.#options = options;
    this.capacity = options.jobs;
    this.#free = shareThreads(options.threads, options.jobs);
  }

  async run(
    { trial, epochs }: Order,
    onEpoch: (report: EpochReport) => void,
  ): Promise<TrialResult | undefined> {
    const threads = this.#free.shift();
    if (threads === undefined) throw new Error(`${this.capacity} trials run already`);
    const { runs, data, test, program } = this.#options;
    const child = new TrialChild({ trial, epochs, test, runs, data, threads }, onEpoch, program);
    this.#children.add(child);
    const result = await child.ended;
    this.#children.delete(child);
    this.#free.push(threads);
    return result;
  }

  stop(): void {
    for (const child of this.#children) child.stop();
  }

  async close(): Promise<void> {
    this.stop();
    await Promise.all([...this.#children].map(({ ended }) => ended));
  }
}
