import type { TrainConfig } from '../config.ts';
import type { Dataset } from '../data/dataset.ts';
import { checkCropSize } from '../data/images.ts';
import type { Backend } from '../engine/backend.ts';
import { FerError, Interrupted } from '../errors.ts';
import { buildModel, loadModel, type ModelDescription } from '../nn/model.ts';
import { shellWord } from '../term/shellWord.ts';
import { changesOf } from './changes.ts';
import { Checkpoints } from './checkpoint.ts';
import { bestRow, type EpochRow } from './history.ts';
import { Observers } from './observers.ts';
import { checkSame, refuseExisting } from './prepareRun.ts';
import { programVersion } from './programVersion.ts';
import { RunFolder, type RunProgress } from './runFolder.ts';
import { lockRun } from './runLock.ts';
import type { RunChange, RunRecord } from './runRecord.ts';
import { readSameSource, readSource, readTeacher, teachersOf } from './source.ts';
import { type Pause, Trainer, type TrainerListener } from './trainer.ts';

/** Seconds of work that a sudden end may cost at most, steps permitting. */
const SAVE_SECONDS = 300;

export interface TrainListener extends TrainerListener {
  onNote?(line: string): void;
  /** Before the first step of an epoch, or where a resumed one goes on. */
  onEpochStart?(progress: RunProgress, images: number): void;
  onEpoch?(row: EpochRow, best: EpochRow, history: readonly EpochRow[]): void;
}

export interface TrainEnvironment {
  readonly dataset: Dataset;
  readonly backend: Backend;
  readonly listener?: TrainListener;
  /** Asked after every step: true saves the run and throws Interrupted. */
  readonly interrupted?: () => boolean;
  /** Seconds between checkpoints within an epoch (default 300); 0 is one after every step. */
  readonly saveSeconds?: number;
}

/** The JSON of `fer train`. */
export interface TrainResult {
  /** The run folder. */
  readonly run: string;
  readonly history: readonly EpochRow[];
  /** The epoch whose weights are `best.safetensors`. */
  readonly best: EpochRow;
  /** Why the run ended. */
  readonly ended: 'epochs' | 'patience';
}

/**
 * Trains a network to the end of its epochs, keeping `runs/NAME/` complete at every moment.
 *
 * @param config as `prepareRun` returned it
 * @throws Interrupted after saving, FerError for anything the user can mend
 */
export async function train(config: TrainConfig, environment: TrainEnvironment): Promise<TrainResult> {
  const { dataset, backend, listener = {} } = environment;
  const folder = new RunFolder(config.runs, config.name);
  const described = recordOf(config, dataset);
  const teachers = readTeachers(folder, described);
  const origins = teachers.map(({ origin }) => origin);
  const record = { ...described, ...(origins.length > 0 && { teachers: origins }) };
  const model = buildModel(record.model);
  const student = { ...model, inputSize: record.model.inputSize };
  const loaded = teachers.map(({ model }) => loadModel(backend, model));
  const trainer = new Trainer(config, dataset, backend, student, loaded);
  // Kernels that this device does not take, or memory it lacks, are told before anything is written.
  await backend.ready?.();
  const checkpoints = new Checkpoints(folder, trainer, record.model, record.version);
  folder.make();
  const unlock = lockRun(folder.path);
  try {
    folder.sweep();
    await start(folder, record, trainer, checkpoints, listener);
    const observers = new Observers(folder.path, config, (line) => listener.onNote?.(line));
    await observers.update(trainer.progress.history, trainer.progress.best);
    const ended = await epochs(config, environment, trainer, checkpoints, observers);
    const { history, best } = trainer.progress;
    if (!best)
      throw new FerError(`${folder.path} has no epoch: n_epochs=${config.n_epochs} leaves nothing to do`);
    return { run: folder.path, history, best, ended };
  } finally {
    unlock();
  }
}

function recordOf(config: TrainConfig, { source, hash, labels, size, splits }: Dataset): RunRecord {
  checkCropSize(config.crop_size, size);
  const model: ModelDescription = {
    network: config.network,
    width: config.width,
    drop: config.drop,
    labels,
    imageSize: size,
    inputSize: config.crop_size,
  };
  const images = Object.fromEntries(Object.entries(splits).map(([split, { length }]) => [split, length]));
  return { ...programVersion(), model, data: { source, hash, images }, train: config };
}

/** The networks whose answers are learned; where a run goes on with its own, they have to be the same. */
function readTeachers(folder: RunFolder, { train: config, model }: RunRecord) {
  const { resume, restore_epoch } = config;
  const before = resume || restore_epoch > 0 ? folder.readRecord() : undefined;
  const same = before?.train.teacher === config.teacher ? before.teachers : undefined;
  return teachersOf(config).map((path, i) => readTeacher(path, model, same?.[i]));
}

/** Brings the trainer to where the run stands, or the folder to where a new run begins. */
async function start(
  folder: RunFolder,
  record: RunRecord,
  trainer: Trainer,
  checkpoints: Checkpoints,
  listener: TrainListener,
): Promise<void> {
  const { train: config } = record;
  const saved: RunRecord = {
    ...record,
    train: { ...config, resume: false, overwrite: false, restore_epoch: 0, start_epoch: 0 },
  };
  if (config.resume || config.restore_epoch > 0) {
    checkSame(folder, record);
    const before = folder.readRecord();
    const { restore_epoch: restored, start_epoch } = config;
    // One that was cut short is finished first.
    const unfinished = before.restoring === undefined ? undefined : before.changes?.at(-1);
    const back =
      restored > 0
        ? { epoch: start_epoch || restored, restored, again: false }
        : unfinished && { ...unfinished, again: true };
    if (back) {
      await restoreEpoch(folder, before, saved, trainer, checkpoints, back);
      listener.onNote?.(`restored epoch ${back.restored} of ${folder.path}; the optimizer starts afresh`);
      return;
    }
    resume(folder, trainer, record, listener);
    const { epoch, start: images } = trainer.progress;
    // Settings that trained nothing are none of the run's.
    if (!isDone(trainer.progress, config)) {
      folder.writeRecord(goneOn(before, saved, { epoch, images }, trainer));
    }
    return;
  }
  // Again, now that nobody else can make it.
  refuseExisting(folder, config);
  // Before anything is deleted: the source may be no good.
  const source = config.from === '' ? undefined : readSource(config.from, record.model, config.seed);
  folder.clear();
  folder.writeRecord({ ...saved, from: source?.origin });
  if (!source) return;
  trainer.restore(source.model, source.origin.file, trainer.progress);
  // From here on the source may go.
  await checkpoints.save();
  const fresh = source.fresh.length > 0 ? `; new are ${source.fresh.join(', ')}` : '';
  listener.onNote?.(`starting from the weights of ${source.origin.file}${fresh}`);
}

function resume(folder: RunFolder, trainer: Trainer, record: RunRecord, listener: TrainListener): void {
  const { train: config } = record;
  if (!folder.hasCheckpoint) {
    if (folder.hadCheckpoint) {
      throw new FerError(
        `${folder.path} has lost its last.safetensors: restore the file, go back to kept weights with ` +
          'restore_epoch=, or start again with overwrite=true',
      );
    }
    const { from } = folder.readRecord();
    if (from)
      trainer.restore(readSameSource(from, record.model, record.train.seed), from.file, trainer.progress);
    listener.onNote?.(`${folder.path} was stopped before its first checkpoint: starting from the beginning`);
    return;
  }
  const { weights, optimizer, progress } = folder.readState();
  trainer.restore(weights, folder.path, progress, optimizer);
  folder.writeHistory(progress.history);
  if (progress.epoch >= config.n_epochs) {
    listener.onNote?.(
      `${folder.path} has its ${progress.epoch} epochs: give a larger n_epochs= to go on with it`,
    );
    return;
  }
  if (outOfPatience(progress, config.patience)) {
    listener.onNote?.(`${folder.path} is out of patience: give a larger patience=, or 0, to go on with it`);
    return;
  }
  const within = progress.start > 0 ? `, after ${progress.start} of ${trainer.epochImages} images` : '';
  listener.onNote?.(`resumed ${folder.path} in epoch ${progress.epoch + 1}${within}`);
}

/**
 * The record of a run that goes on: what began it is kept, and what is other from `place` on is among its changes.
 *
 * @param trainer where the run stands
 */
function goneOn(
  before: RunRecord,
  saved: RunRecord,
  place: Pick<RunChange, 'epoch' | 'images' | 'restored'>,
  { progress }: Trainer,
): RunRecord {
  const { version, git, train: config } = saved;
  const { epoch, images, restored } = place;
  const begun = epoch > 0 || images > 0;
  return {
    ...saved,
    ...(begun && { version: before.version, git: before.git }),
    from: before.from,
    changes: changesOf(before, saved, {
      epoch,
      images,
      restored,
      program: isDone(progress, config) ? undefined : { version, git },
    }),
  };
}

/**
 * Goes back to the weights kept after an epoch; the optimizer starts afresh, as its state was not kept. What came
 * later is set aside. The record is first: should this be cut short, resume=true does it again from there.
 */
async function restoreEpoch(
  folder: RunFolder,
  before: RunRecord,
  saved: RunRecord,
  trainer: Trainer,
  checkpoints: Checkpoints,
  { epoch, restored = epoch, again }: Pick<RunChange, 'epoch' | 'restored'> & { readonly again: boolean },
): Promise<void> {
  const weights = folder.readEpoch(restored);
  const { history, best } = past(folder);
  const rows = history.filter((row) => row.epoch <= restored);
  const bestEpoch = folder.bestEpoch() ?? Number.POSITIVE_INFINITY;
  const keepsBest = bestEpoch <= restored;
  const bestSoFar = rows.find((row) => row.epoch === (keepsBest ? bestEpoch : restored)) ?? null;
  trainer.restore(weights, folder.path, {
    epoch,
    start: 0,
    step: epoch * Math.ceil(trainer.epochImages / saved.train.bs),
    optimizerStep: 0,
    totals: { loss: 0, correct: 0, samples: 0 },
    seconds: 0,
    history: rows,
    best: bestSoFar ?? (best !== null && best.epoch <= restored ? best : null),
  });
  const record = goneOn(before, saved, { epoch, images: 0, restored }, trainer);
  const { restoring, ...given } = before;
  // One that is done again has its branch, or nothing came later: what looks so now is its own checkpoint.
  const branch = again ? (restoring ?? 0) : restoring || folder.openBranch(restored, !keepsBest, given);
  folder.writeRecord({ ...record, restoring: branch });
  folder.setAside(branch, restored, !keepsBest);
  await checkpoints.save(keepsBest ? [] : ['best']);
  folder.writeRecord(record);
}

/** The run's history; from `history.csv` if the last checkpoint is damaged, as this may be the way out. */
function past(folder: RunFolder): Pick<RunProgress, 'history' | 'best'> {
  if (folder.hasCheckpoint) {
    try {
      return folder.readState().progress;
    } catch (error) {
      if (!(error instanceof FerError)) throw error;
    }
  }
  const history = folder.readHistory();
  return { history, best: bestRow(history) };
}

/** Trains epoch after epoch, saving as it goes. */
async function epochs(
  config: TrainConfig,
  { listener = {}, interrupted = () => false, saveSeconds = SAVE_SECONDS }: TrainEnvironment,
  trainer: Trainer,
  checkpoints: Checkpoints,
  observers: Observers,
): Promise<TrainResult['ended']> {
  /** Lets timers and signals through, then tells whether one of them asked for the end. */
  const isInterrupted = async (): Promise<boolean> => {
    await new Promise((resolve) => setImmediate(resolve));
    return interrupted();
  };
  const pause: Pause = async (settle) => {
    if (await isInterrupted()) return true;
    if (checkpoints.age >= saveSeconds) {
      await settle();
      await checkpoints.save();
    }
    return false;
  };
  while (trainer.progress.epoch < config.n_epochs) {
    if (outOfPatience(trainer.progress, config.patience)) return 'patience';
    listener.onEpochStart?.(trainer.progress, trainer.epochImages);
    const row = (await trainer.trainEpoch(listener, pause))
      ? await trainer.endEpoch(listener, pause)
      : undefined;
    if (row === undefined) {
      await checkpoints.save();
      throw new Interrupted(howToGoOn(config));
    }
    const { best, history } = trainer.progress;
    const kept: string[] = [];
    if (best === row) kept.push('best');
    if (config.save_freq > 0 && row.epoch % config.save_freq === 0) kept.push(`epoch_${row.epoch}`);
    await checkpoints.save(kept);
    listener.onEpoch?.(row, best ?? row, history);
    await observers.update(history, best);
    if (trainer.progress.epoch < config.n_epochs && (await isInterrupted())) {
      throw new Interrupted(howToGoOn(config));
    }
  }
  return 'epochs';
}

/** Whether nothing is left to train. */
function isDone(progress: RunProgress, { n_epochs, patience }: TrainConfig): boolean {
  return progress.epoch >= n_epochs || outOfPatience(progress, patience);
}

/** Whether so many epochs followed the one whose weights are the best; after a restore that need not be the best row. */
function outOfPatience({ history, best }: RunProgress, patience: number): boolean {
  return (
    patience > 0 && best !== null && history.filter(({ epoch }) => epoch > best.epoch).length >= patience
  );
}

function howToGoOn({ name, runs, data }: TrainConfig): string {
  const where = runs === 'runs' ? '' : ` runs=${shellWord(runs)}`;
  return `stopped and saved; to go on: fer train name=${name}${where} data=${shellWord(data)} resume=true`;
}
