import { randomUUID } from 'node:crypto';
import { checkTrainConfig, type TrainConfig } from '../config.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Backend } from '../engine/backend.ts';
import { FerError, Interrupted } from '../errors.ts';
import { buildModel, type ModelDescription, readWeights } from '../nn/model.ts';
import { NETWORKS } from '../nn/networks.ts';
import { bestRow, type EpochRow } from './history.ts';
import { programVersion, RunFolder, type RunProgress, type RunRecord } from './runFolder.ts';
import { Trainer, type TrainerListener } from './trainer.ts';

/** Seconds of work that a sudden end may cost at the most, steps permitting. */
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
}

export interface TrainResult {
  readonly run: string;
  readonly history: readonly EpochRow[];
  readonly best: EpochRow;
  /** Why the run ended. */
  readonly ended: 'epochs' | 'patience';
}

/**
 * Prepares the configuration of a run before any data is read: a new name is refused if the run exists, a
 * resumed run gets its saved settings under the given ones.
 *
 * @param explicit the keys that were given
 * @throws FerError if the run exists, or does not where it should
 */
export function prepareRun(config: TrainConfig, explicit: ReadonlySet<string>): TrainConfig {
  const folder = new RunFolder(config.runs, config.name);
  if (config.restore_epoch > 0 || (config.resume && folder.exists)) {
    const { train: saved } = folder.readRecord();
    const given = Object.entries(config).filter(([key]) => explicit.has(key));
    const merged: TrainConfig = {
      ...saved,
      resume: false,
      overwrite: false,
      restore_epoch: 0,
      start_epoch: 0,
      ...Object.fromEntries(given),
    };
    checkTrainConfig(merged);
    return merged;
  }
  if (config.resume)
    throw new FerError(`there is no run at ${folder.path} to resume: start it without resume=true`);
  if (folder.exists && !config.overwrite) {
    throw new FerError(
      `${folder.path} exists: give resume=true to go on with it, overwrite=true to delete it, or another name=`,
    );
  }
  return config;
}

/**
 * Trains a network to the end of its epochs, keeping `runs/NAME/` complete at every moment.
 *
 * @param config as `prepareRun` returned it
 * @throws Interrupted after saving, FerError for anything the user can mend
 */
export async function train(config: TrainConfig, environment: TrainEnvironment): Promise<TrainResult> {
  const { dataset, backend, listener = {}, interrupted = () => false } = environment;
  const folder = new RunFolder(config.runs, config.name);
  const description: ModelDescription = {
    network: config.network,
    width: config.width,
    drop: config.drop,
    labels: dataset.labels,
    imageSize: dataset.size,
    inputSize: NETWORKS[config.network].inputSize,
  };
  const model = buildModel(description);
  const trainer = new Trainer(config, dataset, backend, { ...model, inputSize: description.inputSize });
  const record: RunRecord = {
    ...programVersion(),
    model: description,
    data: {
      source: dataset.source,
      hash: dataset.hash,
      images: Object.fromEntries(
        Object.entries(dataset.splits).map(([split, { length }]) => [split, length]),
      ),
    },
    train: { ...config, resume: false, overwrite: false },
  };
  if (config.resume || config.restore_epoch > 0) checkSame(folder, record);
  if (config.restore_epoch > 0) restoreEpoch(folder, trainer, config, listener);
  else if (config.resume && folder.hasCheckpoint) {
    const { weights, optimizer, progress } = folder.readState();
    trainer.restore(weights, folder.path, progress, optimizer);
    folder.writeHistory(progress.history);
    const within = progress.start > 0 ? `, image ${progress.start}` : '';
    listener.onNote?.(`resumed ${folder.path} in epoch ${progress.epoch + 1}${within}`);
  } else folder.create();
  folder.writeRecord(record);

  const metadata = (): Record<string, string> => ({
    format: 'pt',
    network: description.network,
    labels: JSON.stringify(description.labels),
    epoch: String(trainer.progress.epoch),
    version: record.version,
    write: randomUUID(),
  });
  const save = async (): Promise<void> => {
    const weights = await readWeights(backend, model.parameters);
    folder.writeState(weights, metadata(), await trainer.optimizerState(), trainer.progress);
  };

  let saved = performance.now();
  let ended: TrainResult['ended'] = 'epochs';
  while (trainer.progress.epoch < config.n_epochs) {
    if (outOfPatience(trainer.progress.history, config.patience)) {
      ended = 'patience';
      break;
    }
    listener.onEpochStart?.(trainer.progress, trainer.epochImages);
    const whole = await trainer.trainEpoch(listener, async () => {
      // Lets timers and signals through.
      await new Promise((resolve) => setImmediate(resolve));
      if (interrupted()) return true;
      if (performance.now() - saved > SAVE_SECONDS * 1000) {
        await save();
        saved = performance.now();
      }
      return false;
    });
    if (!whole) {
      await save();
      throw new Interrupted(
        `stopped and saved: go on with "fer train name=${config.name} data=${config.data} resume=true"`,
      );
    }
    const row = await trainer.endEpoch(listener);
    const best = bestRow(trainer.progress.history) ?? row;
    const weights = await readWeights(backend, model.parameters);
    if (best === row) folder.writeWeights('best', weights, metadata());
    if (config.save_freq > 0 && row.epoch % config.save_freq === 0) {
      folder.writeWeights(`epoch_${row.epoch}`, weights, metadata());
    }
    folder.writeState(weights, metadata(), await trainer.optimizerState(), trainer.progress);
    saved = performance.now();
    listener.onEpoch?.(row, best, trainer.progress.history);
    await new Promise((resolve) => setImmediate(resolve));
    if (interrupted() && trainer.progress.epoch < config.n_epochs) {
      throw new Interrupted(
        `stopped and saved: go on with "fer train name=${config.name} data=${config.data} resume=true"`,
      );
    }
  }
  const { history } = trainer.progress;
  const best = bestRow(history);
  if (!best)
    throw new FerError(`${folder.path} has no epoch: n_epochs=${config.n_epochs} leaves nothing to do`);
  return { run: folder.path, history, best, ended };
}

/** A run goes on only with the network and the data it began with. */
function checkSame(folder: RunFolder, { model, data }: RunRecord): void {
  const before = folder.readRecord();
  if (JSON.stringify(before.model) !== JSON.stringify(model)) {
    const differs = Object.keys(model).filter((key) => {
      const of = key as keyof ModelDescription;
      return JSON.stringify(before.model[of]) !== JSON.stringify(model[of]);
    });
    const shown = differs.map(
      (key) => `${key} was ${JSON.stringify(before.model[key as keyof ModelDescription])}`,
    );
    throw new FerError(
      `${folder.path} is of another network (${shown.join(', ')}): resume it with those settings, or choose another name=`,
    );
  }
  if (before.data.hash !== data.hash) {
    throw new FerError(
      `${folder.path} was trained on other data (${before.data.source}, ${before.data.hash.slice(0, 12)}; ` +
        `now ${data.source}, ${data.hash.slice(0, 12)}): give the same data= and limit=, or choose another name=`,
    );
  }
}

/** Goes back to the weights kept after an epoch; the optimizer starts afresh, as its state was not kept. */
function restoreEpoch(
  folder: RunFolder,
  trainer: Trainer,
  config: TrainConfig,
  listener: TrainListener,
): void {
  const weights = folder.readEpoch(config.restore_epoch);
  const history = folder.hasCheckpoint ? folder.readState().progress.history : [];
  const epoch = config.start_epoch || config.restore_epoch;
  const steps = Math.ceil(trainer.epochImages / config.bs);
  trainer.restore(weights, folder.path, {
    epoch,
    start: 0,
    step: epoch * steps,
    totals: { loss: 0, correct: 0, samples: 0 },
    seconds: 0,
    history: history.slice(0, epoch),
  });
  listener.onNote?.(`restored epoch ${config.restore_epoch} of ${folder.path}; the optimizer starts afresh`);
}

function outOfPatience(history: readonly EpochRow[], patience: number): boolean {
  const best = bestRow(history);
  return patience > 0 && best !== undefined && history.length - history.indexOf(best) > patience;
}
