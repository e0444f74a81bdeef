import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pattern, temporaryFolder } from '../../test/dataFiles.ts';
import { FerError } from '../errors.ts';
import { readGrayImage } from '../image/read.ts';
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

  test('a grey 48 x 48 JPEG keeps the pixels it decodes to', async () => {
    const path = await put(
      'train/sad/a.jpg',
      sharp(pattern(6), { raw }).toColourspace('b-w').jpeg().toBuffer(),
    );
    const { data, info } = await sharp(path).toColourspace('b-w').raw().toBuffer({ resolveWithObject: true });
    expect(info.channels).toBe(1);
    expect((await readFolders(folder.path)).images).toEqual(Uint8Array.from(data));
  });

  test('other sizes, colours and formats become what prediction makes of them, to the byte', async () => {
    // Colours, a transparent corner, and another picture left and right of the square in the middle.
    const [width, height, channels] = [100, 60, 4] as const;
    const pixels = Uint8Array.from(
      { length: width * height * channels },
      (_, i) => (i * i * 31 + i * 7) % 256,
    );
    const wide = () => sharp(pixels, { raw: { width, height, channels } });
    const paths = [
      await put('train/fear/a.png', wide().png().toBuffer()),
      await put('train/fear/b.webp', wide().webp({ lossless: true }).toBuffer()),
      await put('train/fear/c.jpg', wide().removeAlpha().withMetadata({ orientation: 6 }).jpeg().toBuffer()),
      await put(
        'train/fear/d.png',
        wide().removeAlpha().resize(20, 33).toColourspace('rgb16').png().toBuffer(),
      ),
    ];
    const { images } = await readFolders(folder.path);
    const predicted = await Promise.all(paths.map((path) => readGrayImage(path)));
    predicted.forEach((face, i) => {
      expect(images.subarray(i * face.length, (i + 1) * face.length), paths[i]).toEqual(face);
    });
    expect(new Set(images).size).toBeGreaterThan(50);
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
    expect(await failure(garbage)).toBe(
      `${garbage}: expected a JPEG, PNG or WebP picture, found neither of them`,
    );
    const badRows = new BadRowCollector();
    const content = await readFolders(folder.path, { onBadRow: badRows.add });
    expect(badRows.shown).toEqual([
      { file: garbage, reason: 'expected a JPEG, PNG or WebP picture, found neither of them' },
      { file: cut, reason: expect.stringMatching(/^the picture cannot be decoded \(.+\): it is damaged/) },
      { file: empty, reason: 'expected a JPEG, PNG or WebP picture, found an empty file' },
    ]);
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
