import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Dataset, SPLITS, type Split } from '../data/dataset.ts';
import { loadDataset } from '../data/load.ts';
import { createBackend } from '../engine/createBackend.ts';
import { Diverged, FerError, Interrupted } from '../errors.ts';
import { facesPerStep } from '../evaluate/inference.ts';
import { facesOf, judge } from '../evaluate/judge.ts';
import { Recognizer } from '../evaluate/recognizer.ts';
import { fileSha256, readFileBytes, writeFileAtomic } from '../io/files.ts';
import { BEST } from '../nn/fileNames.ts';
import { findModel, loadFound } from '../nn/model.ts';
import type { EpochRow } from '../train/history.ts';
import { prepareRun } from '../train/prepareRun.ts';
import { RunFolder } from '../train/runFolder.ts';
import { refuseLocked } from '../train/runLock.ts';
import { train } from '../train/train.ts';
import { readResult, type TrialResult } from './result.ts';
import { type Trial, trainConfigOf } from './trial.ts';

/** What a process is told to do. */
export interface TrialTask {
  readonly trial: Trial;
  /** Train until the run has so many epochs. */
  readonly epochs: number;
  /** Judge the best weights on the test split once the trial has ended. */
  readonly test: boolean;
  /** The folder in which the trial has its run folder. */
  readonly runs: string;
  /** Where the data is on this machine. */
  readonly data: { readonly source: string; readonly limit: number };
  readonly threads: number;
}

/** An epoch of a trial: trials are ranked by their validation, so there is always one. */
export type TrialRow = EpochRow & { readonly valLoss: number; readonly valAccuracy: number };

export interface TrialListener {
  onEpoch?(row: TrialRow): void;
}

/** The result in the run folder of a trial; it is written when a process has done what it was told. */
const RESULT = 'trial.json';
/** Milliseconds that a run may still be another process's, and between two looks at it. */
const PATIENCE = 60_000;
const LOOK = 100;

/**
 * Brings a trial to a number of epochs, from wherever its run folder stands.
 *
 * @param stopped asked after every step: true saves and throws Interrupted
 * @throws FerError if the run cannot go on; a training that diverges is a result
 */
export async function runTrial(
  task: TrialTask,
  listener: TrialListener,
  stopped: () => boolean,
): Promise<TrialResult> {
  const before = readTrialFile(task.runs, task.trial.hash);
  if (before && hasAll(before, task)) return before;
  const dataset = await loadData(task);
  const result = before && hasWeights(before) ? before : await trainTrial(task, dataset, listener, stopped);
  const judged =
    task.test && result.status === 'finished'
      ? { ...result, test: await testAccuracy(task, dataset) }
      : result;
  writeFileAtomic(join(judged.run, RESULT), `${JSON.stringify(judged, null, 2)}\n`);
  return judged;
}

/** What a process left in a run folder; undefined if it has not ended, or of a damaged file. */
export function readTrialFile(runs: string, hash: string): TrialResult | undefined {
  const run = join(runs, hash);
  const file = join(run, RESULT);
  if (!existsSync(file)) return undefined;
  try {
    const result = readResult(JSON.parse(readFileBytes(file).toString('utf8')));
    // The folder may have been moved since.
    return result?.trial === hash ? { ...result, run } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Whether a result is all that is asked for. */
export function hasAll(result: TrialResult, { epochs, test }: Pick<TrialTask, 'epochs' | 'test'>): boolean {
  if (result.status === 'diverged') return true;
  if (result.status === 'finished') return !test || result.test !== undefined;
  return result.status === 'paused' && result.accuracies.length >= epochs;
}

/** Whether a trial was trained to its end and its best weights are where they were. */
function hasWeights({ status, best, run }: TrialResult): boolean {
  const file = join(run, BEST);
  return status === 'finished' && best !== null && existsSync(file) && fileSha256(file) === best.weights;
}

/** @throws FerError if the data is not what the trial is about */
async function loadData({ trial, data }: TrialTask): Promise<Dataset> {
  const { settings } = trial;
  const dataset = await loadDataset(data.source, { limit: data.limit || undefined, seed: settings.seed });
  if (dataset.hash !== trial.data) {
    throw new FerError(
      `${data.source} has other images now (${dataset.hash.slice(0, 12)}) than the trial is about ` +
        `(${trial.data.slice(0, 12)}): restore the data`,
    );
  }
  return dataset;
}

async function trainTrial(
  { trial, epochs, runs, data, threads }: TrialTask,
  dataset: Dataset,
  listener: TrialListener,
  stopped: () => boolean,
): Promise<TrialResult> {
  const folder = new RunFolder(runs, trial.hash);
  await untilFree(folder.path, stopped);
  const config = trainConfigOf(trial, {
    runs,
    threads,
    data: data.source,
    limit: data.limit,
    resume: folder.exists,
  });
  const prepared = prepareRun({ config, chosen: new Set(Object.keys(config)), typed: new Set() });
  let history: readonly TrialRow[] = [];
  let best: TrialRow | null = null;
  let status: TrialResult['status'] = 'finished';
  let problem: string | undefined;
  const backend = await createBackend(prepared);
  try {
    const ended = await train(prepared, {
      dataset,
      backend,
      interrupted: () => stopped() || history.length >= epochs,
      listener: {
        onEpochStart(progress) {
          history = progress.history.map(validated);
          best = progress.best && validated(progress.best);
        },
        onEpoch(row, bestSoFar, rows) {
          history = rows.map(validated);
          best = validated(bestSoFar);
          listener.onEpoch?.(validated(row));
        },
      },
    });
    history = ended.history.map(validated);
    best = validated(ended.best);
  } catch (error) {
    if (error instanceof Interrupted && !stopped()) status = 'paused';
    else if (error instanceof Diverged) {
      status = 'diverged';
      // What it says of going on with another rate is of no use to a trial.
      problem = error.message.replace(/\. .*/s, '');
    } else throw error;
  } finally {
    await backend.close();
  }
  return {
    trial: trial.hash,
    status,
    accuracies: history.map(({ valAccuracy }) => valAccuracy),
    best: best && {
      epoch: best.epoch,
      valAccuracy: best.valAccuracy,
      valLoss: best.valLoss,
      weights: fileSha256(join(folder.path, BEST)),
    },
    seconds: history.reduce((sum, { seconds }) => sum + seconds, 0),
    host: hostname(),
    run: folder.path,
    ...(problem === undefined ? {} : { problem }),
  };
}

/**
 * Waits for a process that has the run: one whose study or worker was killed a moment ago still saves.
 *
 * @throws FerError if it goes on for long, so that it seems to be another's on purpose
 */
async function untilFree(run: string, stopped: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    try {
      return refuseLocked(run);
    } catch (error) {
      if (stopped()) throw new Interrupted('stopped');
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
  }
}

/** Accuracy of the best weights on the split that had no part in the training; null where there is none. */
async function testAccuracy(
  { trial, runs, threads }: TrialTask,
  dataset: Dataset,
): Promise<TrialResult['test']> {
  const { settings, hash } = trial;
  const split = testSplit(settings);
  if (split === undefined || dataset.splits[split].length === 0) return null;
  // A backend of its own: that of the training has its memory full of training.
  const backend = await createBackend({ device: settings.device, precision: settings.precision, threads });
  try {
    const crops = settings.eval_crops;
    const model = loadFound(backend, findModel(join(runs, hash)));
    const recognizer = new Recognizer(backend, model, { crops, batch: facesPerStep(settings.bs, crops) });
    const { metrics } = await judge(recognizer, facesOf(dataset, split, model.description));
    return { split, accuracy: metrics.accuracy, images: metrics.n };
  } finally {
    await backend.close();
  }
}

/** The split that reports are about, unless the settings learn from it or watch it. */
export function testSplit({ train, val }: Trial['settings']): Split | undefined {
  const split = SPLITS[SPLITS.length - 1];
  return train.includes(split) || val === split ? undefined : split;
}

function validated(row: EpochRow): TrialRow {
  const { valLoss, valAccuracy } = row;
  if (valLoss === null || valAccuracy === null) throw new FerError('a trial needs validation: val= is none');
  return { ...row, valLoss, valAccuracy };
}
