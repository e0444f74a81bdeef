import { existsSync } from 'node:fs';
import { basename, dirname, isAbsolute } from 'node:path';
import { isUsed } from '../config/usedSettings.ts';
import {
  AUTO_SETTINGS,
  averageOptions,
  hasEffect,
  TRAIN_NEEDS,
  type TrainConfig,
  trainOptions,
  trialOptions,
} from '../config.ts';
import { fileSha256 } from '../io/files.ts';
import type { ModelDescription } from '../nn/model.ts';
import { shellWord } from '../term/shellWord.ts';
import { afterChanges } from '../train/changes.ts';
import type { EpochRow } from '../train/history.ts';
import { programText, programVersion } from '../train/programVersion.ts';
import { ABANDONED, RunFolder } from '../train/runFolder.ts';
import {
  type AverageRecord,
  type RunChange,
  type RunRecord,
  recordOf,
  type UntrainedRecord,
  type WeightsOrigin,
} from '../train/runRecord.ts';
import { teachersOf } from '../train/source.ts';
import { readCommands } from './commandFile.ts';

/** Where weights come from, as far as the folder around them knows. */
export interface Provenance {
  /** Of the training, where there was one; without paths of the machine it ran on. */
  readonly record: RunRecord | UntrainedRecord;
  /** The epochs of the training; none if there was none, or their file is not there. */
  readonly history: readonly EpochRow[];
  /**
   * The commands that make the weights, the last one the training itself, or the average; where a training went on
   * with other settings, its first one and one for each change. Comments say when a training was stopped, and which
   * version went on.
   */
  readonly commands: readonly string[];
}

/** The commands of stages that are known already, by their folders. */
type Told = Map<string, readonly string[]>;

/**
 * What is known of how weights were made.
 *
 * @param file the weights, in a run or model folder
 * @returns undefined where the folder only describes them
 * @throws FerError if the folder's config.json is damaged
 */
export function readProvenance(file: string): Provenance | undefined {
  const record = recordOf(file);
  if (!record) return undefined;
  const found = provenanceOf(record, file);
  // Of a folder that was exported: stages that did not come along are no more than written there.
  return { ...found, commands: readCommands(file) ?? found.commands };
}

/**
 * What is known of weights that are an average: of the training of the first of them, if there was one, and the
 * commands of all.
 *
 * @param settings the configuration of the average, and the weights it was made of
 * @param hash of the content of its data
 * @param model what came of it
 * @throws FerError as `readProvenance`
 */
export function averageProvenance(
  { models, of: mean, name, data, train, limit, augmentations, bs, seed }: Omit<AverageRecord, 'hash'>,
  hash: string,
  model: ModelDescription,
): Provenance {
  const [{ file }] = models;
  const record = { ...(recordOf(file) ?? programVersion()), model };
  const averaged = { models, of: mean, name, data, hash, train, limit, augmentations, bs, seed };
  return provenanceOf({ ...record, averaged }, file);
}

/** @param file in the folder that has the history */
function provenanceOf(record: RunRecord | UntrainedRecord, file: string): Provenance {
  const path = dirname(file);
  return {
    record: portableRecord(record),
    history: record.train ? new RunFolder(dirname(path), basename(path)).readHistory() : [],
    commands: commandsOf(record, new Map()),
  };
}

/** The commands of all stages, the first one first; a stage that is there no more, or not as it was, is a comment. */
function commandsOf(record: RunRecord | UntrainedRecord, told: Told): string[] {
  const { averaged } = record;
  const stagesOf = (origins: readonly (WeightsOrigin | undefined)[]): string[] =>
    origins.flatMap((origin) => (origin ? stageOf(origin, told) : []));
  if (averaged) {
    const [first] = averaged.models;
    const { averaged: _, ...training } = record;
    // The training of the first of them is known even where its folder is gone.
    const own = stageOf(first, told).length > 0 ? [] : commandsOf(training, told);
    return [...new Set([...own, ...stagesOf(averaged.models)]), ...averageCommand(averaged)];
  }
  if (!record.train) return [];
  const { from, teachers = [], changes = [] } = record;
  const before = stagesOf([...changes.flatMap((change) => change.teachers ?? []), ...teachers, from]);
  const note = (role: string, origin: WeightsOrigin | undefined): string[] =>
    origin ? [`# the next one ${role} ${weightsPath(origin.file)}, SHA-256 ${origin.sha256}`] : [];
  const learns = (of: RunRecord): string[] =>
    (of.teachers ?? []).flatMap((one) => note('learns the answers of', one));
  const first = afterChanges(record, 0);
  const own = [
    ...learns(first),
    ...note('starts from', from),
    trainCommand(first.train),
    ...changes.flatMap((change, i) => [
      `# ${changeText(record.train.name, change)}`,
      ...(change.teachers ? learns(afterChanges(record, i + 1)) : []),
      changeCommand(afterChanges(record, i).train, afterChanges(record, i + 1).train, change),
    ]),
  ];
  // A teacher may be the source as well, or a stage before it.
  return [...new Set(before), ...own];
}

/** The commands of weights that others were made from; none where they have been replaced since. */
function stageOf({ file, sha256 }: WeightsOrigin, told: Told): readonly string[] {
  const folder = dirname(file);
  const known = told.get(folder);
  if (known) return known;
  if (!existsSync(file) || fileSha256(file) !== sha256) return [];
  // Its own stages may have lain here before.
  told.set(folder, []);
  const record = recordOf(file);
  // What an export has written goes back behind folders that did not come along.
  const commands = readCommands(file) ?? (record ? commandsOf(record, told) : []);
  told.set(folder, commands);
  return commands;
}

/** The command line of an average, and what it was made of. */
function averageCommand(record: AverageRecord): string[] {
  const { models } = record;
  const notes = models.map(
    ({ file, sha256 }) => `# the next one takes ${weightsPath(file)}, SHA-256 ${sha256}`,
  );
  const keys = ['of', 'name', 'data', 'train', 'limit', 'augmentations', 'bs', 'seed'] as const;
  const portable = { ...record, data: endOf(record.data, 1) };
  const settings = keys
    .filter((key) => (key !== 'limit' || record.limit > 0) && (key !== 'of' || record.of === 'answers'))
    .map((key) => `${key}=${averageOptions[key].type.show(portable[key] as never)}`);
  const words = [...models.map(({ file }) => weightsPath(file)), ...settings];
  return [...notes, `fer average ${words.map(shellWord).join(' ')}`];
}

/**
 * The command line of a training with every setting that its outcome depends on, defaults included: they
 * may be others in another version.
 */
function trainCommand(config: TrainConfig): string {
  const { name, data, labels, ferplus, limit, from, teacher, teacher_share, teacher_temperature } =
    portableConfig(config);
  const start = {
    data,
    ...(labels === '' ? {} : { labels, ferplus }),
    name,
    ...(from === '' ? {} : { from }),
    ...(teacher === '' ? {} : { teacher, teacher_share, teacher_temperature }),
    ...(limit === 0 ? {} : { limit }),
    // Later stages may take weights that were kept.
    ...(config.save_freq === trainOptions.save_freq.default ? {} : { save_freq: config.save_freq }),
  };
  const settings = Object.entries(trialOptions).flatMap(([key, option]) => {
    const known = key as keyof typeof trialOptions;
    // Where nobody chose one, another machine may have a better one.
    if (
      (known === 'device' && config.device === 'auto') ||
      (known === 'precision' && config.precision === 'fp32') ||
      !isUsed(config, known)
    )
      return [];
    return [`${key}=${option.type.show(config[known] as never)}`];
  });
  const words = [...Object.entries(start).map(([key, value]) => `${key}=${value}`), ...settings];
  return `fer train ${words.map(shellWord).join(' ')}`;
}

/** When a training was stopped, or what it went back to. */
function changeText(name: string, { epoch, images, restored, after, program }: RunChange): string {
  const what = [
    ...(Object.keys(after).length > 0 ? ['other settings'] : []),
    ...(program ? [programText(program)] : []),
  ];
  const others = what.length > 0 ? ` with ${what.join(' and ')}` : '';
  if (restored !== undefined) return `${name} went back to epoch ${restored}${others}`;
  const within = images === 0 ? '' : ` and ${images} images of the next one`;
  return `after epoch ${epoch}${within} ${name} was stopped, and went on${others}`;
}

/** The command line that goes on with a run after a change: with the settings that changed, or matter only now. */
function changeCommand(
  before: TrainConfig,
  config: TrainConfig,
  { epoch, restored, after }: RunChange,
): string {
  const { data, name } = portableConfig(config);
  const how =
    restored === undefined
      ? ['resume=true']
      : [`restore_epoch=${restored}`, ...(epoch === restored ? [] : [`start_epoch=${epoch}`])];
  // A change of the optimizer brings settings of its own along, so those that hold are said.
  const own = 'optimizer' in after ? pick(config, Object.keys(AUTO_SETTINGS) as (keyof TrainConfig)[]) : {};
  const isNew = (key: string): boolean =>
    Object.hasOwn(trialOptions, key) && !hasEffect(TRAIN_NEEDS, before, key);
  const known = pick(config, (Object.keys(TRAIN_NEEDS) as (keyof TrainConfig)[]).filter(isNew));
  const settings = Object.entries(portableSettings({ ...own, ...known, ...after })).flatMap(([key, value]) =>
    hasEffect(TRAIN_NEEDS, config, key)
      ? [`${key}=${trainOptions[key as keyof TrainConfig].type.show(value as never)}`]
      : [],
  );
  return `fer train ${[`data=${data}`, `name=${name}`, ...how, ...settings].map(shellWord).join(' ')}`;
}

function pick(config: TrainConfig, keys: readonly (keyof TrainConfig)[]): Partial<TrainConfig> {
  return Object.fromEntries(keys.map((key) => [key, config[key]]));
}

function portableRecord(record: RunRecord | UntrainedRecord): RunRecord | UntrainedRecord {
  // Nothing else of the file: an exported folder's has what is true of that export alone.
  const { version, git, model, averaged } = record;
  const portable = (origins: readonly WeightsOrigin[]): WeightsOrigin[] =>
    origins.map((one) => ({ ...one, file: weightsPath(one.file) }));
  const mean = averaged && {
    averaged: { ...averaged, data: endOf(averaged.data, 1), models: portable(averaged.models) },
  };
  if (!record.train) {
    const { imported } = record;
    return { version, git, model, ...(imported && { imported }), ...mean };
  }
  const { data, train, changes, from, teachers } = record;
  return {
    version,
    git,
    model,
    data: { ...data, source: endOf(data.source, 1) },
    train: portableConfig(train),
    ...(changes && {
      changes: changes.map((change) => ({
        ...change,
        before: portableSettings(change.before),
        after: portableSettings(change.after),
        ...(change.teachers && { teachers: portable(change.teachers) }),
      })),
    }),
    ...(from && { from: portable([from])[0] }),
    ...(teachers && { teachers: portable(teachers) }),
    ...mean,
  };
}

function portableConfig(config: TrainConfig): TrainConfig {
  const labels = endOf(config.labels, 1);
  const from = weightsPath(config.from);
  return { ...portableSettings(config), data: endOf(config.data, 1), labels, from, runs: 'runs' };
}

function portableSettings<S extends Partial<TrainConfig>>(settings: S): S {
  const { teacher } = settings;
  if (teacher === undefined) return settings;
  return { ...settings, teacher: teachersOf({ teacher }).map(weightsPath).join('+') };
}

/** `runs/NAME`, or `runs/NAME/FILE.safetensors`; of what a run gave up, `runs/NAME/abandoned/N`. */
function weightsPath(path: string): string {
  const parts = path.endsWith('.safetensors') ? 3 : 2;
  const givenUp = path.split(/[\\/]+/).at(-parts) === ABANDONED;
  return endOf(path, givenUp ? parts + 2 : parts);
}

/** Where a file lay on the machine that trained is nobody's business: of such a path only the end is left. */
function endOf(path: string, parts: number): string {
  const leaves = isAbsolute(path) || /^\.\.[\\/]/.test(path);
  return leaves
    ? path
        .split(/[\\/]+/)
        .slice(-parts)
        .join('/')
    : path;
}
