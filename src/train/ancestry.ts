/** What a network has seen while it was made: a figure on such images says less than it seems to. */
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Split } from '../data/dataset.ts';
import { FerError } from '../errors.ts';
import { readFileBytes } from '../io/files.ts';
import { RunFolder, type RunRecord, type UntrainedRecord } from './runFolder.ts';

/** The splits that weights have learned from, and that they were chosen by, sources and teachers included. */
export interface Seen {
  readonly learned: readonly Split[];
  readonly watched: readonly Split[];
}

/** What is known of a training and of all the weights it was made from; `known` is false where that is not all. */
export interface Ancestry extends Seen {
  readonly known: boolean;
}

/** The parts of a record that tell it; no `train` where the weights were not trained here. */
type Told = Partial<Pick<RunRecord, 'train' | 'changes' | 'from' | 'teachers' | 'averaged'>>;

/** What the training itself saw, whatever its weights were made from; statistics of batch norm are learned, too. */
export function ownSeen({ train, changes = [], averaged }: Told): Seen {
  const settings = [...(train ? [train] : []), ...changes.map(({ before }) => before)];
  const learned = [...(averaged?.train ?? []), ...settings.flatMap((each) => each.train ?? [])];
  const watched = settings.flatMap(({ val }) => (val === undefined || val === 'none' ? [] : [val]));
  return { learned: [...new Set(learned)], watched: [...new Set(watched)] };
}

/** As its record tells. */
export function ancestryOf(record: Told): Ancestry {
  const { train, changes = [], from, teachers = [], averaged } = record;
  const own = ownSeen(record);
  const origins = [
    ...(from ? [from] : []),
    ...teachers,
    ...changes.flatMap(({ teachers: before = [] }) => before),
    ...(averaged?.models ?? []),
  ];
  const seen = origins.flatMap((origin) => origin.seen ?? []);
  const learned = new Set([...own.learned, ...seen.flatMap((each) => each.learned)]);
  const watched = new Set([...own.watched, ...seen.flatMap((each) => each.watched)]);
  const known = train !== undefined && seen.length === origins.length;
  return { learned: [...learned], watched: [...watched], known };
}

/**
 * What weights have seen, undefined where that is not recorded.
 *
 * @param file the weights, in a run or model folder
 * @throws FerError if the folder's `config.json` is damaged
 */
export function seenBy(file: string): Seen | undefined {
  const record = trainingOf(file);
  if (!record) return undefined;
  const { learned, watched, known } = ancestryOf(record);
  return known ? { learned, watched } : undefined;
}

/**
 * The record of the training that weights are of, undefined for imported ones.
 *
 * @throws FerError if the folder's `config.json` is damaged
 */
export function trainingOf(file: string): RunRecord | undefined {
  const record = recordOf(file);
  return record?.train && record;
}

/**
 * How weights were made, undefined where the folder only describes them.
 *
 * @throws FerError if the folder's `config.json` is damaged
 */
export function recordOf(file: string): RunRecord | UntrainedRecord | undefined {
  const path = dirname(file);
  const config = join(path, 'config.json');
  if (!existsSync(config)) return undefined;
  const parsed = JSON.parse(readFileBytes(config).toString('utf8'));
  // Whoever has a training gets all of it checked.
  if (parsed?.train !== undefined) return new RunFolder(dirname(path), basename(path)).readRecord();
  const { imported, averaged } = parsed ?? {};
  if (imported === undefined && averaged === undefined) return undefined;
  const isText = [imported?.file, imported?.sha256].every((value) => typeof value === 'string');
  if ((imported !== undefined && !isText) || (averaged !== undefined && !Array.isArray(averaged?.models))) {
    throw new FerError(`${config} does not say where its weights are from: it is damaged`);
  }
  return parsed as UntrainedRecord;
}

/** How far figures on a split may be believed. */
export interface Exposure {
  /** Whether weights learned from the split, were else chosen by it, may have seen it for all that is recorded, or have not. */
  readonly seen: 'learned' | 'watched' | 'unknown' | 'none';
  /** Not in the training itself, but in one before it. */
  readonly inherited: boolean;
}

/** What the weights of a training had to do with a split. */
export function exposureOf(record: Told, split: Split): Exposure {
  const { learned, watched, known } = ancestryOf(record);
  const own = ownSeen(record);
  if (learned.includes(split)) return { seen: 'learned', inherited: !own.learned.includes(split) };
  if (watched.includes(split)) return { seen: 'watched', inherited: !own.watched.includes(split) };
  return { seen: known ? 'none' : 'unknown', inherited: false };
}
