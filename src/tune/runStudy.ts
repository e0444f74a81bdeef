import { Interrupted } from '../errors.ts';
import type { TrialResult } from './result.ts';
import type { EpochReport, Runner } from './runner.ts';
import { hasAll, readTrialFile } from './runTrial.ts';
import type { Order, Results, Search } from './search.ts';

export interface StudyListener {
  onStart?(order: Order): void;
  onEpoch?(order: Order, report: EpochReport): void;
  /** @param found whether it was there already, in the trial's run folder */
  onResult?(order: Order, result: TrialResult, found: boolean): void;
}

export interface StudyEnvironment {
  readonly search: Search;
  readonly runner: Runner;
  /** What is known from earlier; new results are added. */
  readonly results: Map<string, TrialResult>;
  /** The folder of the trials' run folders on this machine. */
  readonly runs: string;
  readonly test: boolean;
  /** Told after each result, to save them. */
  readonly save: (results: Results) => void;
  readonly listener?: StudyListener;
  /** Resolves when the study is to stop. */
  readonly stopped: Promise<void>;
}

/**
 * Carries out all that a search finds due, as much at a time as the runner takes, until nothing is left.
 *
 * @throws Interrupted if it was stopped; all trials under way have saved then
 */
export async function runStudy(environment: StudyEnvironment): Promise<void> {
  const { search, runner, results, runs, test, save, listener = {}, stopped } = environment;
  const running = new Map<string, Promise<void>>();
  let stop = false;
  const stopping = stopped.then(() => {
    stop = true;
    runner.stop();
  });

  const carryOut = async (order: Order): Promise<void> => {
    const { hash } = order.trial;
    listener.onStart?.(order);
    const result = await runner.run(order, (report) => listener.onEpoch?.(order, report));
    running.delete(hash);
    if (result === undefined) return;
    results.set(hash, result);
    save(results);
    listener.onResult?.(order, result, false);
  };

  /** Takes over what a process finished that could not tell it any more. */
  const find = (order: Order): boolean => {
    const result = readTrialFile(runs, order.trial.hash);
    if (!result || !hasAll(result, { epochs: order.epochs, test })) return false;
    results.set(order.trial.hash, result);
    listener.onResult?.(order, result, true);
    return true;
  };

  try {
    while (!stop) {
      const due = search.due(results).filter(({ trial }) => !running.has(trial.hash));
      const found = due.filter((order) => find(order));
      if (found.length > 0) {
        save(results);
        continue;
      }
      for (const order of due.slice(0, runner.capacity - running.size)) {
        running.set(order.trial.hash, carryOut(order));
      }
      if (running.size === 0) return;
      await Promise.race([...running.values(), stopping]);
    }
    await Promise.all(running.values());
    throw new Interrupted('stopped');
  } finally {
    // After an error too: what the others did by then is not lost.
    runner.stop();
    await Promise.allSettled(running.values());
  }
}
