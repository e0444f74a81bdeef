import { type Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { FerError } from '../errors.ts';
import { failedResult, plainText, readResult, type TrialResult } from './result.ts';
import type { EpochReport, Runner } from './runner.ts';
import type { Order } from './search.ts';
import { KIND } from './trial.ts';
import { jobId, makeJob, QUEUE, readProgress, type TrialJob } from './trialJob.ts';

/** Milliseconds between two looks at the jobs. */
const LOOK = 500;
/** The same, for each job that is looked at. */
const LOOK_EACH = 3;
/** Seconds without any worker before that is told. */
const LONELY = 5;
/**
 * Of the server's priorities the one that comes last: there a lower one comes first, and before all others what
 * has none.
 */
const LEAST_PRIORITY = 1000;
/** Milliseconds that leaving may take where the server is gone. */
const FAREWELL = 3000;

export interface QueueRunnerOptions {
  readonly client: Redis;
  /** For messages. */
  readonly server: string;
  readonly study: string;
  readonly data: { readonly source: string; readonly limit: number };
  readonly test: boolean;
  readonly onNote: (line: string) => void;
}

interface Pending {
  readonly id: string;
  readonly order: Order;
  readonly onEpoch: (report: EpochReport) => void;
  readonly end: (result: TrialResult | undefined) => void;
  readonly fail: (error: unknown) => void;
  reported: number;
}

/**
 * Trials by workers, wherever they are. The queue is looked at again and again, instead of trusting that each
 * of its events arrives: whatever was missed while the server was away, or while this process was, is seen at
 * the next look.
 */
export class QueueRunner implements Runner {
  readonly capacity = Number.POSITIVE_INFINITY;
  readonly #options: QueueRunnerOptions;
  readonly #queue: Queue<TrialJob>;
  readonly #pending = new Map<string, Pending>();
  /** What was told already. */
  readonly #told = new Set<string>();
  #lonelySince: number | undefined = performance.now();
  #stopped = false;
  #looking: Promise<void> | undefined;

  constructor(options: QueueRunnerOptions) {
    this.#options = options;
    this.#queue = new Queue(QUEUE.name, { prefix: QUEUE.prefix, connection: options.client });
    // The connection's troubles are told where it was made.
    this.#queue.on('error', () => undefined);
  }

  async run(order: Order, onEpoch: (report: EpochReport) => void): Promise<TrialResult | undefined> {
    if (this.#stopped) return undefined;
    const id = jobId(this.#options.study, order.trial, order.epochs);
    const ended = new Promise<TrialResult | undefined>((end, fail) => {
      this.#pending.set(id, { id, order, onEpoch, end, fail, reported: 0 });
      this.#add(order, id).catch((error) => fail(this.#explain(error)));
    });
    this.#looking ??= this.#look().catch((error) => this.#fail(error));
    return ended;
  }

  stop(): void {
    this.#stopped = true;
    for (const { end } of this.#pending.values()) end(undefined);
  }

  /** Takes what no worker has begun out of the queue, and leaves. */
  async close(): Promise<void> {
    this.#stopped = true;
    const withdrawn = this.#withdraw();
    const late = new Promise((resolve) => setTimeout(resolve, FAREWELL).unref());
    await Promise.race([withdrawn.then(() => this.#queue.close()).catch(() => undefined), late]);
    this.#options.client.disconnect();
  }

  async #withdraw(): Promise<void> {
    const removed = await Promise.all(
      [...this.#pending.keys()].map(async (id) => {
        const job = await this.#queue.getJob(id);
        if (!job || job.finishedOn) return true;
        return job.remove().then(
          () => true,
          // A worker has it.
          () => false,
        );
      }),
    );
    const running = removed.filter((gone) => !gone).length;
    if (running > 0) {
      this.#options.onNote(
        `${running} trials go on where they run; the same command collects their results later`,
      );
    }
  }

  /** Adds a job, unless it is there: then it goes on. */
  async #add({ trial, epochs, priority }: Order, id: string): Promise<void> {
    const { study, test, data } = this.#options;
    const job = makeJob(trial, { study, epochs, test, ...data });
    await this.#queue.add('trial', job, {
      jobId: id,
      priority: Math.max(1, LEAST_PRIORITY - priority),
      // Kept until they were collected, however long nobody comes for them.
      removeOnComplete: false,
      removeOnFail: false,
    });
  }

  async #look(): Promise<void> {
    while (!this.#stopped && this.#pending.size > 0) {
      await new Promise((resolve) => setTimeout(resolve, LOOK + LOOK_EACH * this.#pending.size));
      // While the server is away this waits for it.
      await Promise.all([...this.#pending.values()].map((pending) => this.#check(pending)));
      await this.#checkWorkers();
    }
    this.#looking = undefined;
  }

  /** What the server refuses once it would refuse each time: the study ends. */
  #fail(error: unknown): void {
    for (const { fail } of this.#pending.values()) fail(this.#explain(error));
  }

  #explain(error: unknown): unknown {
    // Errors of the connection are not seen here: commands wait until it is back.
    if (!(error instanceof Error) || error.name !== 'ReplyError') return error;
    return new FerError(`Redis at ${this.#options.server} refuses: ${plainText(error.message)}`);
  }

  async #check(pending: Pending): Promise<void> {
    const { id, order, end } = pending;
    const job = await this.#queue.getJob(id);
    if (this.#stopped) return;
    if (job === undefined) {
      this.#options.onNote(`Redis no longer knows the trial ${order.trial.hash}: it is sent again`);
      await this.#add(order, id);
      return;
    }
    this.#report(pending, job);
    if (this.#isOutdated(job)) {
      // One that is being done cannot be removed.
      await job.remove().then(
        () => this.#add(order, id),
        () => undefined,
      );
      return;
    }
    if (!job.finishedOn) return;
    this.#pending.delete(id);
    end(outcome(job, order));
    // What was collected is of no use there any more; where the removal fails, the job is found done again.
    await job.remove().catch(() => undefined);
  }

  /** Whether a job, as an earlier start sent it, will not bring what is wanted now. */
  #isOutdated({ finishedOn, data, returnvalue }: Job<TrialJob>): boolean {
    // No worker of this version takes one of another.
    if (!finishedOn) return data.kind !== KIND;
    // Figures on test images were not wanted then: a worker that has the weights adds them.
    return this.#options.test && !data.test && readResult(returnvalue)?.status === 'finished';
  }

  #report(pending: Pending, job: Job<TrialJob>): void {
    const progress = readProgress(job.progress);
    if (progress === undefined) return;
    const { worker, epoch, refused } = progress;
    if (refused !== undefined) this.#tell(`${worker}: ${refused}`);
    if (epoch !== undefined && epoch.epoch !== pending.reported) {
      pending.reported = epoch.epoch;
      pending.onEpoch(epoch);
    }
  }

  async #checkWorkers(): Promise<void> {
    const workers = await this.#queue.getWorkersCount();
    if (workers > 0) {
      this.#lonelySince = undefined;
      return;
    }
    this.#lonelySince ??= performance.now();
    if (performance.now() - this.#lonelySince < 1000 * LONELY) return;
    this.#tell(
      `no worker is connected to ${this.#options.server}: start some with fer worker queue=... data=...`,
    );
  }

  #tell(line: string): void {
    if (this.#told.has(line)) return;
    this.#told.add(line);
    this.#options.onNote(line);
  }
}

/** The result of a job that has ended. */
function outcome({ returnvalue, failedReason }: Job<TrialJob>, { trial }: Order): TrialResult {
  const result = readResult(returnvalue);
  if (result?.trial === trial.hash) return result;
  const problem = failedReason || 'what the worker returned is no result of this trial';
  return failedResult(trial.hash, '', problem);
}
