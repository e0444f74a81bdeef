import { AUTO_SETTINGS, checkTrainConfig, resolveTrainConfig, type TrainConfig } from '../config.ts';
import { FerError, UsageError } from '../errors.ts';
import type { ModelDescription } from '../nn/model.ts';
import { RunFolder } from './runFolder.ts';
import { refuseLocked } from './runLock.ts';
import type { RunRecord } from './runRecord.ts';
import { checkTeachers, withSource } from './source.ts';

/** The settings that a run is started with, as a command line gives them. */
export interface GivenConfig {
  readonly config: TrainConfig;
  /** The keys that were typed, or set by a recipe: those that take the place of saved ones. */
  readonly chosen: ReadonlySet<string>;
  /** Those that were typed, which are refused where they have no effect. */
  readonly typed: ReadonlySet<string>;
}

/**
 * Prepares the configuration of a run before any data is read: a new name is refused if the run exists, a
 * resumed run gets its saved settings under the given ones, and `auto` becomes the value it stands for.
 *
 * @throws FerError if the run exists, does not where it should, is damaged, or is being trained
 */
export function prepareRun({ config, chosen, typed }: GivenConfig): TrainConfig {
  checkStart(config, chosen);
  const folder = new RunFolder(config.runs, config.name);
  refuseLocked(folder.path);
  if (config.resume || config.restore_epoch > 0) {
    if (!folder.exists) {
      const option = config.resume ? 'resume=true' : `restore_epoch=${config.restore_epoch}`;
      throw new FerError(`there is no run at ${folder.path} to go on with: start it without ${option}`);
    }
    const given = Object.entries(config).filter(([key]) => chosen.has(key));
    const { train: saved } = folder.readRecord();
    const merged: TrainConfig = {
      ...saved,
      ...(chosen.has('optimizer') ? settingsOfOther(saved, config.optimizer) : {}),
      // Of this start alone; and the folder may have been moved since.
      name: config.name,
      runs: config.runs,
      resume: false,
      overwrite: false,
      restore_epoch: 0,
      start_epoch: 0,
      ...Object.fromEntries(given),
    };
    checkTrainConfig(merged, typed);
    checkRestore(merged);
    checkTeachers(merged);
    return resolveTrainConfig(merged);
  }
  refuseExisting(folder, config);
  checkTeachers(config);
  return resolveTrainConfig(config.from === '' ? config : withSource(config, chosen));
}

/**
 * What suited one optimizer may be far off for another; an average of the weights goes on, where the other keeps none
 * itself.
 */
function settingsOfOther(saved: TrainConfig, optimizer: TrainConfig['optimizer']): Partial<TrainConfig> {
  if (optimizer === saved.optimizer) return {};
  return optimizer === 'asgd' ? AUTO_SETTINGS : { ...AUTO_SETTINGS, ema: saved.ema };
}

/** Refuses to go back to an epoch after which none is left to train: what came later would be set aside for nothing. */
function checkRestore({ restore_epoch, start_epoch, n_epochs }: TrainConfig): void {
  if (restore_epoch === 0 || (start_epoch || restore_epoch) < n_epochs) return;
  const given = start_epoch > 0 ? `start_epoch=${start_epoch}` : `restore_epoch=${restore_epoch}`;
  throw new UsageError(`${given} leaves nothing to train, as n_epochs=${n_epochs}: give a larger n_epochs=.`);
}

/** @throws FerError if there is a run that nobody allowed to delete */
export function refuseExisting(folder: RunFolder, { overwrite }: TrainConfig): void {
  if (!folder.exists || overwrite) return;
  throw new FerError(
    `${folder.path} exists: give resume=true to go on with it, overwrite=true to delete it, or another name=`,
  );
}

/**
 * Refuses to go on with a run whose past would not fit to what is asked now.
 *
 * @throws FerError naming what was and what is
 */
export function checkSame(folder: RunFolder, now: RunRecord): void {
  const before = folder.readRecord();
  const model = differences(before.model, now.model, Object.keys(now.model) as (keyof ModelDescription)[]);
  if (model !== '') {
    throw new FerError(
      `${folder.path} is of another network: ${model}; go on with those settings, or choose another name=`,
    );
  }
  if (before.data.hash !== now.data.hash) {
    const name = ({ source, hash }: RunRecord['data']): string => `${source}, ${hash.slice(0, 12)}`;
    const same = before.data.source === now.data.source && before.train.limit === now.train.limit;
    throw new FerError(
      `${folder.path} was trained on other data (${name(before.data)}; now ${name(now.data)}): ` +
        (same
          ? 'it has changed since, or an earlier version of fer read its pictures otherwise; choose another name='
          : 'give the same data= and limit=, or choose another name='),
    );
  }
  // `best`, patience and the schedule compare accuracies of one split, over as many crops. The optimizer's state
  // means something to that optimizer only, an average goes on or is not there, and an epoch under way has its order
  // from seed, splits and balance; a restored epoch starts with none of them.
  const always = ['val', 'eval_crops'] as const;
  const resumed = [...always, 'train', 'class_balance', 'seed', 'optimizer', 'ema'] as const;
  const train = differences(before.train, now.train, now.train.restore_epoch > 0 ? always : resumed);
  if (train !== '') {
    throw new FerError(
      `${folder.path} cannot go on with other settings: ${train}; give the same, or choose another name=`,
    );
  }
}

/** `width was 8, now 16`; empty if all is the same. */
function differences<T>(before: T, now: T, keys: readonly (keyof T)[]): string {
  return keys
    .filter((key) => String(before[key]) !== String(now[key]))
    .map((key) => `${String(key)} was ${before[key]}, now ${now[key]}`)
    .join('; ');
}

/** Refuses ways to start that contradict each other, or themselves. */
function checkStart(config: TrainConfig, chosen: ReadonlySet<string>): void {
  const { from, resume, overwrite, restore_epoch, start_epoch } = config;
  if (chosen.has('from') && from !== '' && (resume || restore_epoch > 0)) {
    throw new UsageError(
      `from=${from} starts a new run, and ${resume ? 'resume=true' : `restore_epoch=${restore_epoch}`} goes on ` +
        "with the run's own weights: give one of them.",
    );
  }
  if (restore_epoch > 0 && overwrite) {
    throw new UsageError(
      `restore_epoch=${restore_epoch} needs weights kept in the run and overwrite=true deletes them: give one of them.`,
    );
  }
  if (start_epoch > 0 && restore_epoch === 0) {
    throw new UsageError(
      `start_epoch=${start_epoch} numbers the epochs that follow restore_epoch=: give that too.`,
    );
  }
  if (start_epoch > 0 && start_epoch < restore_epoch) {
    throw new UsageError(
      `start_epoch=${start_epoch} would number epochs as those before restore_epoch=${restore_epoch} are: ` +
        `give start_epoch=${restore_epoch} or more, or leave it out.`,
    );
  }
}
