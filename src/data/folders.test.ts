import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pattern, temporaryFolder } from '../../test/dataFiles.ts';
import { FerError } from '../errors.ts';
import { BadRowCollector } from './badRows.ts';
import { SPLITS } from './dataset.ts';
import { listPictures } from './folderList.ts';
import { readFolders } from './folders.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const raw = { width: 48, height: 48, channels: 1 } as const;
const png = (i: number): Promise<Buffer> => sharp(pattern(i), { raw }).toColourspace('b-w').png().toBuffer();

async function put(name: string, bytes: string | Uint8Array | Promise<Uint8Array>): Promise<string> {
  const path = join(folder.path, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, await bytes);
  return path;
}

async function splitsOf(names: readonly string[]): Promise<string[]> {
  for (const name of names) await put(name, png(0));
  const { pictures } = await listPictures(folder.path);
  return pictures.map(
    ({ path, split }) => `${path.slice(folder.path.length + 1).replaceAll('\\', '/')} ${split}`,
  );
}

describe('splits', () => {
  test('file names win over folders', async () => {
    expect(
      await splitsOf([
        'train/happy/Training_3.jpg',
        'test/happy/PrivateTest_1.jpg',
        'test/happy/PublicTest_7.jpg',
      ]),
    ).toEqual([
      'test/happy/PrivateTest_1.jpg PrivateTest',
      'test/happy/PublicTest_7.jpg PublicTest',
      'train/happy/Training_3.jpg Training',
    ]);
  });

  test('test alone is PublicTest, beside a validation folder PrivateTest', async () => {
    expect(await splitsOf(['Train/sad/b.png', 'test/sad/a.png'])).toEqual([
      'Train/sad/b.png Training',
      'test/sad/a.png PublicTest',
    ]);
    expect(await splitsOf(['val/sad/c.webp'])).toEqual([
      'Train/sad/b.png Training',
      'test/sad/a.png PrivateTest',
      'val/sad/c.webp PublicTest',
    ]);
  });

  test('FER2013 folder names', async () => {
    const names = ['PrivateTest/joy/1.jpeg', 'PublicTest/joy/1.JPG', 'Training/joy/1.png'];
    expect(await splitsOf(names)).toEqual(names.map((name, i) => `${name} ${[...SPLITS].reverse()[i]}`));
  });
});

describe('reading', () => {
  test('grey 48 x 48 PNG pixels arrive unchanged, in sorted order, labels in FER2013 order', async () => {
    await put('train/sadness/b.png', png(2));
    await put('train/sadness/a.png', png(1));
    await put('train/Happy/a.png', png(3));
    await put('test/anger/a.png', png(4));
    for (const clutter of [
      '.DS_Store',
      'train/Thumbs.db',
      'train/sadness/.hidden.png',
      'train/Happy/desktop.ini',
    ]) {
      await put(clutter, 'clutter');
    }
    const progress: number[][] = [];
    const content = await readFolders(folder.path, { onProgress: (...step) => progress.push(step) });
    expect(content.labels).toEqual(['angry', 'happy', 'sad']);
    expect([...content.targets]).toEqual([0, 1, 2, 2]);
    expect(content.images).toEqual(Uint8Array.from([4, 3, 1, 2].flatMap((i) => [...pattern(i)])));
    expect([...content.splits.Training]).toEqual([1, 2, 3]);
    expect([...content.splits.PublicTest]).toEqual([0]);
    expect(progress.at(-1)).toEqual([4, 4]);
  });

  test('other sizes, colours and formats become 48 x 48 grey', async () => {
    const create = {
      width: 100,
      height: 60,
      channels: 4,
      background: { r: 200, g: 200, b: 200, alpha: 1 },
    } as const;
    await put('train/fear/a.webp', sharp({ create }).webp({ lossless: true }).toBuffer());
    await put('train/fear/b.jpg', sharp({ create }).removeAlpha().jpeg().toBuffer());
    const red = { ...create, channels: 3, background: { r: 255, g: 0, b: 0 } } as const;
    await put('train/fear/c.png', sharp({ create: red }).png().toBuffer());
    const { images } = await readFolders(folder.path);
    expect(images.length).toBe(3 * 2304);
    for (const value of images.subarray(0, 2 * 2304)) expect(Math.abs(value - 200)).toBeLessThanOrEqual(2);
    const redGrey = images[2 * 2304];
    expect(redGrey).toBeGreaterThan(40);
    expect(redGrey).toBeLessThan(130);
    expect(new Set(images.subarray(2 * 2304)).size).toBe(1);
  });

  test('labels of their own make an alphabetical dataset', async () => {
    await put('train/surprised/a.png', png(0));
    await put('train/bored/a.png', png(1));
    const { labels, targets } = await readFolders(folder.path);
    expect(labels).toEqual(['bored', 'surprise']);
    expect([...targets]).toEqual([0, 1]);
  });
});

describe('errors', () => {
  async function failure(named: string): Promise<string> {
    const error = await readFolders(folder.path).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FerError);
    const { message } = error as FerError;
    expect(message).toContain(named);
    expect(message).toContain('found');
    expect(message).toContain('expected');
    return message;
  }

  test('no picture', async () => {
    await failure(folder.path);
    mkdirSync(join(folder.path, 'train', 'happy'), { recursive: true });
    expect(await failure(folder.path)).toContain('no picture');
  });

  test.each([
    'readme.txt',
    'train/list.csv',
    'train/face.png',
    'train/happy/notes.md',
    'train/happy/deep/a.png',
  ])('%s is in the wrong place or no picture', async (name) => {
    await put('train/happy/a.png', png(0));
    const path = await put(name, png(1));
    await failure(name.includes('deep') ? dirname(path) : path);
  });

  test('a folder that is no split', async () => {
    await put('happy/a.png', png(0));
    const message = await failure(folder.path);
    expect(message).toContain('found a folder "happy"');
    expect(message).toContain('train');
  });

  test('undecodable pictures: the first in order throws, the collector lists all and keeps the rest', async () => {
    const whole = await sharp(pattern(5), { raw }).jpeg().toBuffer();
    await put('train/happy/a.png', png(1));
    const garbage = await put('train/happy/b.jpg', 'not a picture');
    const cut = await put('train/happy/c.jpg', whole.subarray(0, whole.length / 2));
    const empty = await put('train/happy/d.png', '');
    await put('train/sad/e.png', png(2));
    expect(await failure(garbage)).toContain('cannot be decoded');
    const badRows = new BadRowCollector();
    const content = await readFolders(folder.path, { onBadRow: badRows.add });
    expect(badRows.shown.map(({ file }) => file)).toEqual([garbage, cut, empty]);
    expect(content.images).toEqual(Uint8Array.from([...pattern(1), ...pattern(2)]));
    expect([...content.targets]).toEqual([0, 1]);
    expect([...content.splits.Training]).toEqual([0, 1]);
  });
});

test('the fingerprint follows names, sizes and times', async () => {
  const path = await put('train/happy/a.png', png(1));
  const fingerprint = async (): Promise<string> => (await listPictures(folder.path)).fingerprint;
  const first = await fingerprint();
  expect(await fingerprint()).toBe(first);
  utimesSync(path, 1000, 1000);
  const touched = await fingerprint();
  await put('train/happy/b.png', readFileSync(path));
  expect(new Set([first, touched, await fingerprint()]).size).toBe(3);
});
