import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { FerError, UsageError } from '../errors.ts';
import type { BadRow } from './badRows.ts';
import { type CacheEntry, readCache, writeCache } from './cache.ts';
import { readCsv } from './csv.ts';
import { type Dataset, limitSplits } from './dataset.ts';
import { readFerPlus } from './ferPlus.ts';
import type { FerPlusMode } from './ferPlusModes.ts';
import { listPictures, type PictureList } from './folderList.ts';
import { readFolders } from './folders.ts';
import { contentHash } from './hash.ts';
import { nearMiss } from './labels.ts';
import { relabelledText, withFerPlus } from './relabel.ts';
import { MAX_SYNTHETIC, synthetic } from './synthetic.ts';

export interface LoadOptions {
  /** Seed of synthetic faces. */
  readonly seed?: number;
  /** Number of synthetic faces; a number in the spec wins. */
  readonly n?: number;
  /** Keep so many images of each split: the first, of a folder every so many-th. */
  readonly limit?: number;
  /** `fer2013new.csv` of FER+: its labels take the place of those of the csv. */
  readonly labels?: string;
  /** How its votes become labels (default majority). */
  readonly ferplus?: FerPlusMode;
  /** Use and write the packed cache (default true). */
  readonly cache?: boolean;
  /** Told while reading: bytes of a csv, images of a folder or of synthetic faces. */
  readonly onProgress?: (done: number, total: number, unit: 'bytes' | 'images') => void;
  /** Told one-line remarks that do not stop the work, such as a damaged cache. */
  readonly onNotice?: (message: string) => void;
}

/**
 * Loads a dataset. `spec` is the path of a csv, the path of an image folder, `synthetic` or `synthetic:N`.
 *
 * @throws FerError for a missing path and for bad data (naming file, line, found, expected)
 * @throws UsageError for a malformed spec or option
 */
export async function loadDataset(spec: string, options: LoadOptions = {}): Promise<Dataset> {
  const { limit } = options;
  if (limit !== undefined && !(Number.isInteger(limit) && limit > 0)) {
    throw new UsageError(`limit is ${limit}, expected a whole number of images from 1`);
  }
  const source = await findSource(spec, options);
  const { content, hash } = await readLabelled(source, options);
  // Pictures of a folder are sorted by label: the first of them would be of one.
  const limited = limit === undefined ? content : limitSplits(content, limit, source.kind === 'folder');
  if (limited === content) return { source: spec, ...content, hash };
  return { source: spec, ...limited, hash: contentHash(limited) };
}

/** Reads a source, and puts the labels of FER+ in place of its own where they are asked for. */
async function readLabelled(source: Source, options: LoadOptions): Promise<CacheEntry> {
  const { labels, ferplus = 'majority', onNotice } = options;
  if (labels === undefined) return readSource(source, options);
  if (source.kind !== 'csv') {
    throw new FerError(`labels=${labels} is for fer2013.csv: rows belong together by their order`);
  }
  const votes = readFerPlus(labels);
  const { content } = await readSource(source, options);
  const relabelled = withFerPlus(content, votes, ferplus, labels);
  for (const split of relabelled.splits) onNotice?.(`${labels}: ${relabelledText(split)}.`);
  return { content: relabelled.content, hash: contentHash(relabelled.content) };
}

/** What a spec turned out to be. */
export type Source =
  | { readonly kind: 'synthetic'; readonly n?: number }
  | { readonly kind: 'csv'; readonly path: string; readonly bytes: number; readonly fingerprint: string }
  | { readonly kind: 'folder'; readonly path: string; readonly list: PictureList };

/**
 * Looks at the disk, not yet at the data.
 *
 * @throws FerError, UsageError as `loadDataset` does
 */
export async function findSource(spec: string, options: Pick<LoadOptions, 'n'> = {}): Promise<Source> {
  const match = /^synthetic(?::(.*))?$/.exec(spec);
  if (match) return { kind: 'synthetic', n: syntheticCount(spec, match[1], options.n) };
  let stats: BigIntStats;
  try {
    stats = await stat(spec, { bigint: true });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new FerError(missing(spec));
    throw new FerError(`${spec}: cannot be read: ${message}`);
  }
  if (stats.isDirectory()) return { kind: 'folder', path: spec, list: await listPictures(spec) };
  if (!stats.isFile())
    throw new FerError(`${spec}: found neither a file nor a folder, expected a csv or a folder`);
  return {
    kind: 'csv',
    path: spec,
    bytes: Number(stats.size),
    fingerprint: `csv ${stats.size} ${stats.mtimeNs}`,
  };
}

/** How to read a source, beyond what loading needs. */
export interface ReadOptions extends LoadOptions {
  /** Given, bad rows go to it and are left out; else the first one throws. */
  readonly onBadRow?: (row: BadRow) => void;
}

/** Reads a source, from its cache where that is fresh, and caches it where no row was bad. */
export async function readSource(source: Source, options: ReadOptions): Promise<CacheEntry> {
  const { onProgress, onNotice, cache = true } = options;
  if (source.kind === 'synthetic') {
    const progress = onProgress && ((done: number, total: number) => onProgress(done, total, 'images'));
    const drawn = synthetic({ n: source.n, seed: options.seed, onProgress: progress });
    const { source: _, hash, ...content } = drawn;
    return { content, hash };
  }
  const fingerprint = source.kind === 'csv' ? source.fingerprint : `folder ${source.list.fingerprint}`;
  if (cache) {
    const cached = await readCache(source.path, fingerprint, onNotice);
    if (cached) {
      noticeSlips(source.path, cached.content.labels, onNotice);
      return cached;
    }
  }
  let badRows = 0;
  const onBadRow =
    options.onBadRow &&
    ((row: BadRow) => {
      badRows++;
      options.onBadRow?.(row);
    });
  const unit = source.kind === 'csv' ? 'bytes' : 'images';
  const readOptions = {
    onBadRow,
    onNotice,
    onProgress: (done: number, total: number) => onProgress?.(done, total, unit),
  };
  const content = await (source.kind === 'csv'
    ? readCsv(source.path, readOptions)
    : readFolders(source.path, { ...readOptions, list: source.list }));
  noticeSlips(source.path, content.labels, onNotice);
  const entry = { content, hash: contentHash(content) };
  if (cache && badRows === 0) writeCache(source.path, fingerprint, entry, onNotice);
  return entry;
}

/** A label that looks like a slip of a known one is kept, and told. */
function noticeSlips(path: string, labels: readonly string[], onNotice: LoadOptions['onNotice']): void {
  for (const label of labels) {
    const near = nearMiss(label);
    if (near !== undefined)
      onNotice?.(`${path}: "${label}" is taken as a label of its own, not as "${near}".`);
  }
}

function syntheticCount(
  spec: string,
  inSpec: string | undefined,
  inOptions: number | undefined,
): number | undefined {
  const n = inSpec === undefined ? inOptions : /^\d+$/.test(inSpec) ? Number(inSpec) : Number.NaN;
  if (n === undefined || (Number.isInteger(n) && n >= 1 && n <= MAX_SYNTHETIC)) return n;
  const what = inSpec === undefined ? `n=${n}` : `data=${spec}`;
  throw new UsageError(
    `${what}: expected a whole number of faces from 1 to ${MAX_SYNTHETIC}, as in synthetic:5000`,
  );
}

const KAGGLE =
  'https://www.kaggle.com/competitions/challenges-in-representation-learning-facial-expression-recognition-challenge/data';

function missing(spec: string): string {
  return (
    `${spec}: no such file or folder; expected fer2013.csv, icml_face_data.csv or a folder with ` +
    `train/EMOTION/*.jpg. Both csv files come from ${KAGGLE} (with an account there; unpack the archive). ` +
    'To start without any data use data=synthetic.'
  );
}
