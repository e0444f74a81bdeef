import { existsSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { type TrainConfig, trialOptions } from '../config.ts';
import { readFileBytes } from '../io/files.ts';
import { shellWord } from '../term/shellWord.ts';
import type { EpochRow } from '../train/history.ts';
import { RunFolder, type RunRecord } from '../train/runFolder.ts';
import { teachersOf, type WeightsOrigin } from '../train/source.ts';
import { isUsed } from '../tune/usedSettings.ts';

/** Where weights come from, as far as the folder around them knows. */
export interface Provenance {
  /** Of the training; without paths of the machine it ran on. */
  readonly record: RunRecord;
  /** The epochs of the training; none if their file is not there. */
  readonly history: readonly EpochRow[];
  /** The commands that make the weights, the last one the training itself. */
  readonly commands: readonly string[];
}

/** More stages than anybody trains: a chain of runs that is longer goes in a circle. */
const MOST_STAGES = 20;

/**
 * What is known of the training that made weights.
 *
 * @param file the weights, in a run or model folder
 * @returns undefined where the folder is not of a training: imported weights
 * @throws FerError if the folder's config.json is damaged
 */
export function readProvenance(file: string): Provenance | undefined {
  const folder = folderOf(file);
  const record = recordOf(folder);
  if (!record) return undefined;
  return {
    record: portableRecord(record),
    history: folder.readHistory(),
    commands: commandsOf(record, MOST_STAGES),
  };
}

function folderOf(file: string): RunFolder {
  const path = dirname(file);
  return new RunFolder(dirname(path), basename(path));
}

function recordOf(folder: RunFolder): RunRecord | undefined {
  const file = join(folder.path, 'config.json');
  if (!existsSync(file)) return undefined;
  // A description alone has no training: whoever has one gets all of it checked.
  const parsed = JSON.parse(readFileBytes(file).toString('utf8'));
  return parsed?.train === undefined ? undefined : folder.readRecord();
}

/** The commands of all stages, the first one first; a stage whose folder is gone is a comment. */
function commandsOf(record: RunRecord, most: number): string[] {
  const { from, teachers = [], train } = record;
  const before = [...teachers, from].flatMap((origin) => {
    const known = origin && most > 0 && existsSync(origin.file);
    const source = known ? recordOf(folderOf(origin.file)) : undefined;
    return source ? commandsOf(source, most - 1) : [];
  });
  const note = (role: string, origin: WeightsOrigin | undefined): string[] =>
    origin ? [`# the next one ${role} ${weightsPath(origin.file)}, SHA-256 ${origin.sha256}`] : [];
  const notes = [
    ...teachers.flatMap((one) => note('learns the answers of', one)),
    ...note('starts from', from),
  ];
  const own = [...notes, trainCommand(train)];
  // A teacher may be the source as well, or a stage before it.
  return [...new Set(before), ...own];
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

function portableRecord(record: RunRecord): RunRecord {
  const { data, train, from, teachers } = record;
  return {
    ...record,
    data: { ...data, source: endOf(data.source, 1) },
    train: portableConfig(train),
    ...(from && { from: { ...from, file: weightsPath(from.file) } }),
    ...(teachers && { teachers: teachers.map((one) => ({ ...one, file: weightsPath(one.file) })) }),
  };
}

function portableConfig(config: TrainConfig): TrainConfig {
  const labels = endOf(config.labels, 1);
  const from = weightsPath(config.from);
  const teacher = teachersOf(config).map(weightsPath).join('+');
  return { ...config, data: endOf(config.data, 1), labels, from, teacher, runs: 'runs' };
}

/** `runs/NAME`, or `runs/NAME/FILE.safetensors`. */
function weightsPath(path: string): string {
  return endOf(path, path.endsWith('.safetensors') ? 3 : 2);
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
