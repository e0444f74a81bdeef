import { hostname } from 'node:os';
import { join } from 'node:path';
import { DelayedError, type Job, UnrecoverableError, WaitingError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { FerError } from '../errors.ts';
import type { DataCopies } from './dataCopies.ts';
import type { TrialResult } from './result.ts';
import { shareThreads } from './runner.ts';
import { TrialChild } from './trialChild.ts';
import {
  type CheckedJob,
  type JobProgress,
  OtherVersion,
  QUEUE,
  readJob,
  type TrialJob,
} from './trialJob.ts';

/** Times that a trial may lose its worker; one that kills them all is not handed on for ever. */
const MAX_DEATHS = 10;
/** Milliseconds until a job that this worker cannot do is offered again. */
const REFUSAL = 5000;
/** Share of the lease after which a worker that cannot renew it gives the trial up by itself. */
const GIVE_UP = 0.8;
/** Share of the lease after which such a trial is ended without having saved: a step may take long. */
const END = 0.95;
/** Milliseconds that a trial has to save and end when the worker is stopped. */
const GRACE = 60_000;
/** Milliseconds that leaving may take where the server is gone. */
const FAREWELL = 3000;
/** Milliseconds until something that the server did not take is tried again. */
const RETRY = 1000;

export interface TrialWorkerOptions {
  readonly client: Redis;
  readonly data: DataCopies;
  /** The folder of the study folders. */
  readonly studies: string;
  readonly jobs: number;
  readonly threads: number;
  /** Seconds that a trial stays with a worker that gives no sign of life. */
  readonly lease: number;
  readonly onNote: (line: string) => void;
  readonly onResult?: (result: TrialResult) => void;
  /** The program of a trial's process; for tests. */
  readonly program?: string;
}

interface Running {
  readonly child: TrialChild;
  /** When the server last took our sign of life. */
  renewed: number;
}

/**
 * Takes trials from the queue. Each runs in a process of its own, so that this one is always free to renew
 * the lease on it. A worker that dies renews nothing, and another one takes its trials over; a worker that
 * cannot reach the server gives its trials up before that happens, so that no two ever train in one folder.
 */
export class TrialWorker {
  readonly #options: TrialWorkerOptions;
  readonly #worker: Worker<TrialJob, TrialResult>;
  readonly #running = new Map<string, Running>();
  readonly #free: number[];
  readonly #watch: NodeJS.Timeout;
  readonly #told = new Set<string>();
  #closing = false;

  constructor(options: TrialWorkerOptions) {
    this.#options = options;
    const { client, jobs, threads, lease } = options;
    this.#free = shareThreads(threads, jobs);
    this.#worker = new Worker<TrialJob, TrialResult>(QUEUE.name, (job, token) => this.#process(job, token), {
      prefix: QUEUE.prefix,
      connection: client,
      name: hostname(),
      concurrency: jobs,
      lockDuration: 1000 * lease,
      stalledInterval: 1000 * lease,
      maxStalledCount: MAX_DEATHS,
      runRetryDelay: RETRY,
    });
    this.#worker.on('locksRenewed', ({ jobIds }) => {
      for (const id of jobIds) {
        const running = this.#running.get(id);
        if (running) running.renewed = performance.now();
      }
    });
    this.#worker.on('lockRenewalFailed', (ids) => {
      for (const id of ids) this.#giveUp(id, 'it has gone to another worker');
    });
    this.#worker.on('stalled', (id) => options.onNote(`the worker that had ${id} is gone: taken over`));
    // Only once the server has taken the result: exactly one worker says so of a trial.
    this.#worker.on('completed', (_, result) => options.onResult?.(result));
    this.#worker.on('failed', (job, error) => {
      if (!(error instanceof WaitingError || error instanceof DelayedError)) {
        options.onNote(`${job?.id}: ${error.message}`);
      }
    });
    // The connection's troubles are told where it was made; a result that comes too late is another's by now.
    this.#worker.on('error', () => undefined);
    this.#watch = setInterval(() => this.#checkLeases(), 100 * lease);
  }

  /** Has all trials save and end, gives them back and leaves. */
  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#watch);
    const children = [...this.#running].map(([id, { child }]) => {
      this.#stop(id, GRACE);
      return child.ended;
    });
    await Promise.all(children);
    const late = new Promise((resolve) => setTimeout(resolve, FAREWELL).unref());
    await Promise.race([this.#worker.close(), late]);
    this.#options.client.disconnect();
  }

  async #process(job: Job<TrialJob>, token: string | undefined): Promise<TrialResult> {
    const { data: copies, studies } = this.#options;
    let checked: CheckedJob;
    try {
      checked = readJob(job.data);
    } catch (error) {
      if (error instanceof OtherVersion) return this.#refuse(job, token, error.message);
      if (error instanceof FerError) throw new UnrecoverableError(error.message);
      throw error;
    }
    const { trial, epochs, test, study, data } = checked;
    const source = await copies.find(data);
    if (source === undefined) {
      const what = `${data.name}${data.limit > 0 ? ` with limit=${data.limit}` : ''}`;
      return this.#refuse(
        job,
        token,
        `no data= of this worker has the images of ${what} (${data.hash.slice(0, 12)})`,
      );
    }
    if (this.#closing) return this.#giveBack(job, token);
    const runs = join(studies, study, 'trials');
    const threads = this.#free.shift() ?? 1;
    const place = { runs, threads, data: { source, limit: data.limit } };
    const report = (progress: Omit<JobProgress, 'worker'>): void => {
      // Where it is lost, the next one says more.
      job.updateProgress({ worker: hostname(), ...progress }).catch(() => undefined);
    };
    const child = new TrialChild(
      { trial, epochs, test, ...place },
      ({ epoch, accuracy, seconds }) => report({ epoch: { epoch, accuracy, seconds } }),
      this.#options.program,
    );
    const id = String(job.id);
    this.#running.set(id, { child, renewed: performance.now() });
    try {
      report({});
      this.#options.onNote(`${id}: started in process ${child.pid}, ${threads} threads`);
      const result = await child.ended;
      if (result) return result;
    } finally {
      this.#running.delete(id);
      this.#free.push(threads);
    }
    return this.#giveBack(job, token);
  }

  /** Puts a job that this worker cannot do aside, so that another may take it. */
  async #refuse(job: Job<TrialJob>, token: string | undefined, why: string): Promise<never> {
    if (!this.#told.has(why)) this.#options.onNote(`${job.id}: ${why}`);
    this.#told.add(why);
    await job.updateProgress({ worker: hostname(), refused: why } satisfies JobProgress);
    await job.moveToDelayed(Date.now() + REFUSAL, token);
    throw new DelayedError();
  }

  /** Puts a job that was saved and stopped back, so that another goes on with it. */
  async #giveBack(job: Job<TrialJob>, token: string | undefined): Promise<never> {
    // Where the lease was lost, the job is another's by now.
    await job.moveToWait(token).catch(() => undefined);
    throw new WaitingError();
  }

  #checkLeases(): void {
    const now = performance.now();
    for (const [id, { renewed }] of this.#running) {
      if (now - renewed > 1000 * GIVE_UP * this.#options.lease)
        this.#giveUp(id, 'the server was not reached in time');
    }
  }

  #giveUp(id: string, why: string): void {
    const left = 1000 * (END - GIVE_UP) * this.#options.lease;
    if (this.#stop(id, left)) this.#options.onNote(`${id}: given up, as ${why}`);
  }

  /** @param grace milliseconds until the trial is ended, saved or not */
  #stop(id: string, grace: number): boolean {
    const child = this.#running.get(id)?.child;
    if (!child?.stop()) return false;
    setTimeout(() => child.kill(), grace).unref();
    return true;
  }
}
