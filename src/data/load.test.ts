import { mkdirSync, readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { officialRow, pattern, temporaryFolder } from '../../test/dataFiles.ts';
import { FerError, UsageError } from '../errors.ts';
import { cacheFile } from './cache.ts';
import { contentHash } from './hash.ts';
import { loadDataset } from './load.ts';
import { describeDataset, summaryText } from './summary.ts';

let folder: ReturnType<typeof temporaryFolder>;
let csv: string;
let notices: string[];
const onNotice = (message: string): void => void notices.push(message);
const before = process.env.FER_CACHE;

beforeEach(() => {
  folder = temporaryFolder();
  process.env.FER_CACHE = join(folder.path, 'cache');
  csv = join(folder.path, 'fer2013.csv');
  const usages = ['Training', 'Training', 'PublicTest', 'Training', 'PublicTest', 'PrivateTest'];
  writeFileSync(
    csv,
    `emotion,pixels,Usage\n${usages.map((usage, i) => officialRow(i, i, usage)).join('\n')}\n`,
  );
  notices = [];
});
afterEach(() => {
  folder.remove();
  if (before === undefined) delete process.env.FER_CACHE;
  else process.env.FER_CACHE = before;
});

/** Loads, and says whether the source itself was read (then it reports progress). */
async function load(
  spec = csv,
): Promise<{ dataset: Awaited<ReturnType<typeof loadDataset>>; read: boolean }> {
  let read = false;
  const dataset = await loadDataset(spec, { onNotice, onProgress: () => (read = true) });
  return { dataset, read };
}

describe('cache', () => {
  test('the second start gives the same without reading the csv', async () => {
    const first = await load();
    const second = await load();
    expect([first.read, second.read]).toEqual([true, false]);
    expect(second.dataset).toEqual(first.dataset);
    expect(second.dataset.hash).toBe(contentHash(first.dataset));
    expect(first.dataset.source).toBe(csv);
    expect(notices).toEqual([]);
    expect(readdirSync(join(folder.path, 'cache'))).toHaveLength(1);
  });

  test('a changed csv is read again and replaces its cache', async () => {
    const first = await load();
    writeFileSync(csv, `${readFileSync(csv, 'utf8')}${officialRow(9, 6, 'Training')}\n`);
    const grown = await load();
    expect(grown.read).toBe(true);
    expect(grown.dataset.targets.length).toBe(7);
    expect(grown.dataset.hash).not.toBe(first.dataset.hash);
    utimesSync(csv, 1000, 1000);
    expect((await load()).read).toBe(true);
    expect((await load()).read).toBe(false);
    expect(readdirSync(join(folder.path, 'cache'))).toHaveLength(1);
  });

  const damages: [string, (file: string) => void][] = [
    ['pixels changed', (file) => flip(file, -100)],
    ['split indices changed', (file) => flip(file, -(6 * 2304) - 10)],
    ['header changed', (file) => flip(file, 40)],
    ['header length huge', (file) => flip(file, 15)],
    ['magic changed', (file) => flip(file, 0)],
    ['cut at the end', (file) => truncateSync(file, readFileSync(file).length - 1)],
    ['cut in the header', (file) => truncateSync(file, 30)],
    ['cut in the prefix', (file) => truncateSync(file, 10)],
    ['empty', (file) => truncateSync(file, 0)],
    ['longer', (file) => writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.alloc(3)]))],
  ];
  function flip(file: string, at: number): void {
    const bytes = readFileSync(file);
    bytes[at < 0 ? bytes.length + at : at] ^= 0x55;
    writeFileSync(file, bytes);
  }

  test.each(damages)('damaged (%s): one notice, read again, rebuilt', async (_, damage) => {
    const first = await load();
    damage(cacheFile(csv));
    const again = await load();
    expect(again.read).toBe(true);
    expect(again.dataset).toEqual(first.dataset);
    expect(notices).toHaveLength(1);
    expect(notices[0]).toContain(cacheFile(csv));
    expect(notices[0]).toContain('damaged');
    expect(notices[0]).not.toContain('\n');
    expect((await load()).read).toBe(false);
  });

  test('another version is rebuilt without a word', async () => {
    await load();
    flip(cacheFile(csv), 8);
    expect((await load()).read).toBe(true);
    expect(notices).toEqual([]);
  });

  test('a folder that cannot be written does not stop the reading, and is told', async () => {
    writeFileSync(join(folder.path, 'file'), '');
    process.env.FER_CACHE = join(folder.path, 'file', 'cache');
    for (let start = 1; start <= 2; start++) {
      const { dataset, read } = await load();
      expect(read).toBe(true);
      expect(dataset.targets.length).toBe(6);
      expect(notices).toHaveLength(start);
      expect(notices[start - 1]).toMatch(/; set FER_CACHE to a folder that can be written\.$/);
    }
  });

  test('cache: false neither reads nor writes', async () => {
    await loadDataset(csv, { cache: false });
    expect(readdirSync(folder.path)).toEqual(['fer2013.csv']);
  });

  test('image folders are cached and notice a new picture; slips of names are told each time', async () => {
    const root = join(folder.path, 'images');
    mkdirSync(join(root, 'train', 'hapy'), { recursive: true });
    const face = sharp(pattern(1), { raw: { width: 48, height: 48, channels: 1 } });
    await face.png().toFile(join(root, 'train', 'hapy', 'a.png'));
    expect((await load(root)).read).toBe(true);
    expect((await load(root)).read).toBe(false);
    expect(notices).toHaveLength(2);
    expect(notices[1]).toContain('"hapy" is taken as a label of its own, not as "happy"');
    await face.png().toFile(join(root, 'train', 'hapy', 'b.png'));
    const { read, dataset } = await load(root);
    expect(read).toBe(true);
    expect(dataset.labels).toEqual(['hapy']);
    expect(dataset.targets.length).toBe(2);
  });
});

describe('specs and options', () => {
  test('limit of an image folder keeps every class with its share', async () => {
    const root = join(folder.path, 'images');
    for (const [label, count] of Object.entries({ angry: 2, happy: 6, sad: 4 })) {
      for (const split of ['train', 'test']) {
        mkdirSync(join(root, split, label), { recursive: true });
        for (let i = 0; i < count; i++) {
          const face = sharp(pattern(i), { raw: { width: 48, height: 48, channels: 1 } });
          await face.png().toFile(join(root, split, label, `${i}.png`));
        }
      }
    }
    const { targets, splits, labels } = await loadDataset(root, { limit: 6 });
    for (const split of ['Training', 'PublicTest'] as const) {
      const found = [...splits[split]].map((i) => labels[targets[i]]);
      expect(found).toEqual(['angry', 'happy', 'happy', 'happy', 'sad', 'sad']);
    }
  });

  test('limit keeps the first of each split and changes the hash; a generous one changes nothing', async () => {
    const whole = await loadDataset(csv);
    const limited = await loadDataset(csv, { limit: 1 });
    expect([...limited.targets]).toEqual([0, 2, 5]);
    expect(limited.images.subarray(2304, 4608)).toEqual(pattern(2));
    expect(limited.hash).toBe(contentHash(limited));
    expect(limited.hash).not.toBe(whole.hash);
    expect((await loadDataset(csv, { limit: 3 })).hash).toBe(whole.hash);
    await expect(loadDataset(csv, { limit: 0 })).rejects.toThrow(UsageError);
  });

  test('synthetic, with the number in the spec or the options', async () => {
    const named = await loadDataset('synthetic:50', { seed: 4, n: 99 });
    expect(named.source).toBe('synthetic:50');
    expect(named.targets.length).toBe(50);
    expect(await loadDataset('synthetic', { seed: 4, n: 50 })).toEqual({ ...named, source: 'synthetic' });
    for (const spec of [
      'synthetic:',
      'synthetic:0',
      'synthetic:many',
      'synthetic:-5',
      'synthetic:9999999999',
    ]) {
      await expect(loadDataset(spec)).rejects.toThrow(UsageError);
    }
  });

  test('a missing path says where FER2013 is and that synthetic needs no data', async () => {
    const error = await loadDataset(join(folder.path, 'nowhere.csv')).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FerError);
    for (const part of ['nowhere.csv', 'kaggle.com', 'fer2013.csv', 'data=synthetic']) {
      expect((error as FerError).message).toContain(part);
    }
  });
});

describe('describeDataset', () => {
  test('counts of a good csv', async () => {
    const summary = await describeDataset(csv);
    expect(summary).toMatchObject({
      source: csv,
      kind: 'csv',
      rows: 6,
      size: 48,
      badRows: { total: 0, shown: [] },
    });
    expect(summary.bytes).toBe(readFileSync(csv).length);
    expect(summary.splits.Training).toEqual({
      total: 3,
      classes: { angry: 1, disgust: 1, fear: 0, happy: 1, sad: 0, surprise: 0, neutral: 0 },
    });
    expect(summary.hash).toBe((await loadDataset(csv)).hash);
    const lines = summaryText(summary).split('\n');
    expect(lines[0]).toContain('6 images of 48 x 48');
    const table = lines.slice(3);
    expect(table[0].trim().split(/\s+/)).toEqual(['Training', 'PublicTest', 'PrivateTest', 'all']);
    expect(table.at(-1)?.split(/\s+/)).toEqual(['all', '3', '2', '1', '6']);
    expect(new Set(table.map((line) => line.length)).size).toBe(1);
  });

  test('bad rows are listed up to the cap, counted, and never cached', async () => {
    const bad = Array.from({ length: 5 }, (_, i) => officialRow(i, 8, 'Training'));
    writeFileSync(csv, `${readFileSync(csv, 'utf8')}${bad.join('\n')}\n`);
    const summary = await describeDataset(csv, { badRowCap: 2, onNotice });
    expect(summary.rows).toBe(11);
    expect(summary.badRows.total).toBe(5);
    expect(summary.badRows.shown.map(({ line }) => line)).toEqual([8, 9]);
    expect(summary.hash).toBeNull();
    const text = summaryText(summary);
    expect(text).toContain('5 bad rows:');
    expect(text).toContain(`${csv}, line 8: emotion is "8"`);
    expect(text).toContain('and 3 more');
    await expect(loadDataset(csv)).rejects.toThrow(/line 8: emotion is "8"/);
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
  });

  test('synthetic', async () => {
    const summary = await describeDataset('synthetic:70');
    expect(summary).toMatchObject({ kind: 'synthetic', rows: 70, bytes: 0 });
    expect(summary.splits.Training.classes).toEqual(
      Object.fromEntries(summary.labels.map((label) => [label, 8])),
    );
  });
});
