/** What `config.json` holds of how weights were made: its types, and its reading. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { configFromJson } from '../config/parse.ts';
import { type TrainConfig, trainOptions } from '../config.ts';
import type { Split } from '../data/dataset.ts';
import type { Augmentation } from '../engine/augment.ts';
import { FerError } from '../errors.ts';
import { readFileBytes } from '../io/files.ts';
import { CONFIG } from '../nn/fileNames.ts';
import { checkDescription, type ModelDescription } from '../nn/model.ts';
import type { ProgramVersion } from './programVersion.ts';

/** What `config.json` holds. Version and revision are those that began the training: `changes` has later ones. */
export interface RunRecord extends ProgramVersion {
  readonly model: ModelDescription;
  readonly data: {
    readonly source: string;
    readonly hash: string;
    readonly images: Readonly<Record<string, number>>;
  };
  readonly train: TrainConfig;
  /**
   * Where it went on with other settings or by another version, or went back: `train` is what holds since the last
   * of them.
   */
  readonly changes?: readonly RunChange[];
  /**
   * It is going back to kept weights, as the last of `changes` says, and has not arrived: the number of the branch
   * that what came later moves to, 0 where nothing did.
   */
  readonly restoring?: number;
  /** The weights it started from, where those are another run's. */
  readonly from?: WeightsOrigin;
  /** The weights it learns the answers of, with `teacher=`, in its order. */
  readonly teachers?: readonly WeightsOrigin[];
  /** Where the weights are an average, and the rest is of the training of the first of them. */
  readonly averaged?: AverageRecord;
}

/** What `config.json` holds of weights that came from another program, or are an average whose first ones did. */
export interface UntrainedRecord extends ProgramVersion {
  readonly model: ModelDescription;
  readonly train?: undefined;
  readonly imported?: ImportRecord;
  readonly averaged?: AverageRecord;
}

/** A moment at which a run went on with other settings or by another version, or went back. */
export interface RunChange {
  /** The last whole epoch before it, as what follows is numbered. */
  readonly epoch: number;
  /** Images of the next one that were trained before it. */
  readonly images: number;
  /** The epoch whose kept weights it went back to. */
  readonly restored?: number;
  /** The settings that changed, with their values until then and from then on. */
  readonly before: Partial<TrainConfig>;
  readonly after: Partial<TrainConfig>;
  /** What it learned the answers of until then, where that changed. */
  readonly teachers?: readonly WeightsOrigin[];
  /** What trained it from then on, where that was another version or revision. */
  readonly program?: ProgramVersion;
}

/** Other weights that weights were made from. */
export interface WeightsOrigin {
  /** The file of the weights. */
  readonly file: string;
  readonly sha256: string;
  /** What they had seen; missing where nobody knows. */
  readonly seen?: Seen;
}

/** The splits that weights have learned from, and that they were chosen by, sources and teachers included. */
export interface Seen {
  readonly learned: readonly Split[];
  readonly watched: readonly Split[];
}

/** The file that weights of another program came in. */
export interface ImportRecord {
  readonly file: string;
  readonly sha256: string;
}

/** How weights were averaged, and their batch-norm statistics measured. */
export interface AverageRecord {
  readonly models: readonly WeightsOrigin[];
  /** What the mean is of; weights where it is missing. */
  readonly of?: 'weights' | 'answers';
  readonly name: string;
  readonly data: string;
  /** SHA-256 of the content of the data. */
  readonly hash: string;
  readonly train: readonly Split[];
  readonly limit: number;
  readonly augmentations: readonly Augmentation[];
  readonly bs: number;
  readonly seed: number;
}

/** @throws FerError if the file is damaged, naming what is wrong */
export function readRecord(file: string): RunRecord {
  return checkedRecord(parsed(file), file);
}

/**
 * How weights were made, undefined where the folder only describes them.
 *
 * @param weights their file, in a run or model folder
 * @throws FerError if the folder's `config.json` is damaged
 */
export function recordOf(weights: string): RunRecord | UntrainedRecord | undefined {
  const file = join(dirname(weights), CONFIG);
  if (!existsSync(file)) return undefined;
  const record = parsed(file);
  // Whoever has a training gets all of it checked.
  if (record?.train !== undefined) return checkedRecord(record, file);
  if (record?.imported === undefined && record?.averaged === undefined) return undefined;
  checkFields(MADE, record, file);
  return record as unknown as UntrainedRecord;
}

export function recordText(record: RunRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

/**
 * Checks `changes` of a `config.json`.
 *
 * @throws FerError naming the file and what is wrong
 */
export function checkedChanges(json: unknown, file: string): readonly RunChange[] | undefined {
  if (json === undefined) return undefined;
  CHANGES(json, 'changes', file);
  const settings = (values: unknown): Partial<TrainConfig> => {
    const given = Object.entries(trainOptions).filter(([key]) => Object.hasOwn(Object(values), key));
    return configFromJson(Object.fromEntries(given), values, file) as Partial<TrainConfig>;
  };
  return (json as RunChange[]).map((one) => ({
    ...one,
    before: settings(one.before),
    after: settings(one.after),
  }));
}

type Json = Readonly<Record<string, unknown>>;

function parsed(file: string): Json | null {
  const text = readFileBytes(file).toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    throw new FerError(`${file} is not valid JSON: restore it, or start again with overwrite=true`);
  }
}

function checkedRecord(record: Json | null, file: string): RunRecord {
  if (typeof (record?.data as Json | undefined)?.hash !== 'string') {
    throw new FerError(`${file} does not say what data the run is of: it is damaged, or of another program`);
  }
  checkDescription(record?.model, file);
  const train = configFromJson(trainOptions, record?.train, file);
  const changes = checkedChanges(record?.changes, file);
  checkFields(TRAINED, record as Json, file);
  return { ...(record as unknown as RunRecord), train, changes };
}

/**
 * Refuses what a part of a `config.json` cannot be.
 *
 * @param name where it is in the file
 * @throws FerError naming both, what was found and what was expected
 */
type Check = (value: unknown, name: string, file: string) => void;

const mustBe =
  (holds: (value: unknown) => boolean, what: string): Check =>
  (value, name, file) => {
    if (holds(value)) return;
    const found = String(JSON.stringify(value)).slice(0, 80);
    throw new FerError(`${file}: "${name}" is ${found}, expected ${what}; the file is damaged`);
  };
const optional =
  (check: Check): Check =>
  (value, name, file) => {
    if (value !== undefined) check(value, name, file);
  };
const listOf =
  (check: Check, least = 0): Check =>
  (value, name, file) => {
    mustBe((found) => Array.isArray(found) && found.length >= least, 'a list')(value, name, file);
    for (const [i, one] of (value as unknown[]).entries()) check(one, `${name}[${i}]`, file);
  };
const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const anObject = mustBe(isObject, 'an object');
const object =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value, name, file) => {
    anObject(value, name, file);
    checkFields(fields, value as Json, file, `${name}.`);
  };
const valuesOf =
  (check: Check): Check =>
  (value, name, file) => {
    anObject(value, name, file);
    for (const [key, one] of Object.entries(value as Json)) check(one, `${name}.${key}`, file);
  };

function checkFields(fields: Readonly<Record<string, Check>>, of: Json, file: string, within = ''): void {
  for (const [key, check] of Object.entries(fields)) check(of[key], within + key, file);
}

const text = mustBe((value) => typeof value === 'string', 'a text');
const textOrNull = mustBe((value) => value === null || typeof value === 'string', 'a text or null');
const count = mustBe((value) => Number.isSafeInteger(value) && (value as number) >= 0, 'a whole number');

const ORIGIN = object({
  file: text,
  sha256: text,
  seen: optional(object({ learned: listOf(text), watched: listOf(text) })),
});

const CHANGES = listOf(
  object({
    epoch: count,
    images: count,
    restored: optional(count),
    before: anObject,
    after: anObject,
    teachers: optional(listOf(ORIGIN)),
    program: optional(object({ version: text, git: textOrNull })),
  }),
);

/** How weights can have been made beside a training. */
const MADE = {
  imported: optional(object({ file: text, sha256: text })),
  averaged: optional(
    object({
      models: listOf(ORIGIN, 1),
      of: optional(mustBe((value) => value === 'weights' || value === 'answers', 'weights or answers')),
      name: text,
      data: text,
      hash: text,
      train: listOf(text),
      limit: count,
      augmentations: listOf(text),
      bs: count,
      seed: count,
    }),
  ),
} satisfies Readonly<Record<string, Check>>;

/** Of a training, what is not checked as a description or as settings. */
const TRAINED = {
  ...MADE,
  data: object({ source: text, hash: text, images: valuesOf(count) }),
  restoring: optional(count),
  from: optional(ORIGIN),
  teachers: optional(listOf(ORIGIN)),
} satisfies Readonly<Record<string, Check>>;
