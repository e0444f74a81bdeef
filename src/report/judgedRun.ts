import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { ReportConfig } from '../config.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Backend } from '../engine/backend.ts';
import { FerError } from '../errors.ts';
import { type Assessment, assess } from '../evaluate/assess.ts';
import { facesPerStep } from '../evaluate/inference.ts';
import { facesOf } from '../evaluate/judge.ts';
import { Recognizer } from '../evaluate/recognizer.ts';
import { readModel, type StoredModel } from '../nn/model.ts';
import { shellWord } from '../term/shellWord.ts';
import { bestRow, type EpochRow } from '../train/history.ts';
import { RunFolder } from '../train/runFolder.ts';
import type { RunRecord } from '../train/runRecord.ts';

/** A finished run as its folder holds it. */
export interface StoredRun {
  /** What the user called it. */
  readonly path: string;
  /** Its name in the report: that of the folder, or the path where several have the same. */
  readonly name: string;
  readonly record: RunRecord;
  /** At least one epoch; of an average, those of the training of the first of its networks. */
  readonly history: readonly EpochRow[];
  /** The epoch of the best validation accuracy, which need not be that of the weights. */
  readonly best: EpochRow;
  readonly weights: WeightsOf;
  readonly model: StoredModel;
}

/** What weights are: the mean of so many networks, or those after an epoch; null where nobody wrote down which. */
export type WeightsOf = { readonly mean: number } | { readonly epoch: number | null };

/** A run, and what its network is worth on the images of the report. */
export interface JudgedRun extends StoredRun, Assessment {}

/**
 * Reads run folders.
 *
 * @throws FerError for a path that is no run, a run without history, and the same run twice
 */
export function readRuns(paths: readonly string[]): StoredRun[] {
  const names = paths.map((path) => basename(resolve(path)));
  const unique = new Set(names).size === names.length;
  const seen = new Set<string>();
  return paths.map((path, i) => {
    const place = join(path, '.');
    if (seen.has(place)) throw new FerError(`${path} is named twice: a run is compared with others`);
    seen.add(place);
    return readRun(path, unique ? names[i] : path);
  });
}

function readRun(path: string, name: string): StoredRun {
  if (!existsSync(path)) throw new FerError(`there is no run at ${path}: give its folder, as in runs/my_vgg`);
  if (!statSync(path).isDirectory()) {
    throw new FerError(
      `${path} is a file: a report is about a whole run, so give its folder; for weights alone there is ` +
        'fer evaluate model=... out=FOLDER',
    );
  }
  const model = readModel(path);
  const folder = new RunFolder(dirname(path), basename(path));
  const history = folder.readHistory();
  const best = bestRow(history);
  if (best === null) {
    throw new FerError(
      `${path} has no history: its history.csv is missing, empty or damaged. A report shows a whole training; ` +
        `for weights alone there is fer evaluate model=${shellWord(path)} out=FOLDER`,
    );
  }
  const record = folder.readRecord();
  return { path, name, record, history, best, weights: weightsOf(record, model), model };
}

function weightsOf({ averaged }: RunRecord, { metadata }: StoredModel): WeightsOf {
  if (averaged) return { mean: averaged.models.length };
  const epoch = Number(metadata.epoch);
  return { epoch: Number.isInteger(epoch) ? epoch : null };
}

/** Judges a run's network on the images of the report. The recognizer stays on the backend. */
export async function judgeRun(
  run: StoredRun,
  dataset: Dataset,
  backend: Backend,
  config: ReportConfig,
  onBatch?: (done: number) => void,
): Promise<{ run: JudgedRun; recognizer: Recognizer }> {
  const { split, crops, bs, resamples, seed } = config;
  const faces = facesOf(dataset, split, run.model.description);
  const recognizer = new Recognizer(backend, run.model, { crops, batch: facesPerStep(bs, crops) });
  const assessment = await assess(recognizer, faces, { resamples, seed, onBatch });
  return { recognizer, run: { ...run, ...assessment } };
}
