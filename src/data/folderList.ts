import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { extname, join, relative } from 'node:path';
import { FerError } from '../errors.ts';
import { SPLITS, type Split } from './dataset.ts';
import { canonicalLabel } from './labels.ts';

/** One picture of an image folder, not yet decoded. */
export interface PictureFile {
  readonly path: string;
  readonly split: Split;
  readonly label: string;
}

/** All pictures of an image folder in reading order, and what identifies their state on disk. */
export interface PictureList {
  readonly pictures: readonly PictureFile[];
  /** Sum of the files' sizes. */
  readonly bytes: number;
  /** Hexadecimal SHA-256 over names, sizes and times of change. */
  readonly fingerprint: string;
}

const PICTURES = new Set(['.jpg', '.jpeg', '.png', '.webp']);
const LAYOUT = 'expected train/EMOTION/*.jpg and test/EMOTION/*.jpg (.jpeg, .png and .webp too)';
/** Files statted at a time. */
const STATS_AT_ONCE = 64;

/** Split folders by lower-case name. `test` is not here: its split depends on the folders beside it. */
const SPLIT_FOLDERS: Readonly<Record<string, Split>> = {
  train: 'Training',
  training: 'Training',
  val: 'PublicTest',
  valid: 'PublicTest',
  validation: 'PublicTest',
  dev: 'PublicTest',
  publictest: 'PublicTest',
  privatetest: 'PrivateTest',
};
const TEST_FOLDERS = new Set(['test', 'testing']);

/** What operating systems leave in folders. */
const isClutter = (name: string): boolean =>
  name.startsWith('.') || name === '__MACOSX' || /^(thumbs\.db|desktop\.ini)$/i.test(name);

/**
 * Lists `ROOT/SPLIT/EMOTION/*.{jpg,jpeg,png,webp}`, sorted by folder and file name.
 *
 * The split of a picture is that of its file name where it begins with `Training_`, `PublicTest_` or
 * `PrivateTest_`, else its folder's: train is Training; val, validation and PublicTest are PublicTest;
 * PrivateTest is PrivateTest; test is PrivateTest beside a validation folder and PublicTest without one.
 *
 * @throws FerError naming the path for anything in the wrong place or that is no picture, and for a folder
 *   without pictures
 */
export async function listPictures(root: string): Promise<PictureList> {
  const splitFolders = await entries(root);
  const splitOf = folderSplits(root, splitFolders);
  const pictures: PictureFile[] = [];
  const stats: Stats[] = [];
  for (const folder of splitFolders) {
    for (const labelFolder of await entries(folder.path)) {
      if (!labelFolder.isFolder) {
        throw new FerError(
          `${labelFolder.path}: found a file beside the folders of the expressions, ${LAYOUT}`,
        );
      }
      const label = canonicalLabel(labelFolder.name);
      for (const file of await entries(labelFolder.path)) {
        if (file.isFolder || !PICTURES.has(extname(file.name).toLowerCase())) {
          throw new FerError(
            `${file.path}: found a ${file.isFolder ? 'folder' : 'file'} that is no picture, ${LAYOUT}`,
          );
        }
        const named = SPLITS.find((split) => file.name.startsWith(`${split}_`));
        pictures.push({ path: file.path, split: named ?? (splitOf.get(folder.name) as Split), label });
        stats.push(file.stats);
      }
    }
  }
  if (pictures.length === 0) throw new FerError(`${root}: found no picture in it, ${LAYOUT}`);
  const identity = createHash('sha256');
  pictures.forEach(({ path, split, label }, i) => {
    const { size, mtimeMs } = stats[i];
    identity.update(JSON.stringify([relative(root, path), split, label, size, mtimeMs]));
  });
  return {
    pictures,
    bytes: stats.reduce((sum, { size }) => sum + size, 0),
    fingerprint: identity.digest('hex'),
  };
}

/**
 * The split of each folder of the root by its name.
 *
 * @throws FerError for a folder whose name says none
 */
function folderSplits(root: string, folders: readonly Entry[]): Map<string, Split> {
  const splits = new Map<string, Split>();
  for (const { name, path, isFolder } of folders) {
    if (!isFolder) throw new FerError(`${path}: found a file beside the folders of the splits, ${LAYOUT}`);
    const lower = name.toLowerCase();
    if (Object.hasOwn(SPLIT_FOLDERS, lower)) splits.set(name, SPLIT_FOLDERS[lower]);
    else if (!TEST_FOLDERS.has(lower)) {
      const names = [...Object.keys(SPLIT_FOLDERS), ...TEST_FOLDERS].join(', ');
      throw new FerError(
        `${root}: found a folder "${name}", which is none of the splits ${names}; ${LAYOUT}. ` +
          'Is this one level too deep or too high?',
      );
    }
  }
  const test: Split = [...splits.values()].includes('PublicTest') ? 'PrivateTest' : 'PublicTest';
  for (const { name } of folders) if (!splits.has(name)) splits.set(name, test);
  return splits;
}

interface Entry {
  readonly name: string;
  readonly path: string;
  readonly isFolder: boolean;
  readonly stats: Stats;
}

/** What a folder holds, links followed, clutter left out, sorted by code unit. */
async function entries(folder: string): Promise<Entry[]> {
  const found: Entry[] = [];
  try {
    const names = (await readdir(folder)).filter((name) => !isClutter(name)).sort();
    for (let i = 0; i < names.length; i += STATS_AT_ONCE) {
      const some = names.slice(i, i + STATS_AT_ONCE).map(async (name) => {
        const path = join(folder, name);
        const stats = await stat(path);
        return { name, path, isFolder: stats.isDirectory(), stats };
      });
      found.push(...(await Promise.all(some)));
    }
  } catch (error) {
    throw new FerError(`${folder}: cannot be read: ${(error as Error).message}`);
  }
  return found;
}
