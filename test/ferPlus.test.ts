import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Dataset } from '../src/data/dataset.ts';
import { FER_PLUS_LABELS } from '../src/data/ferPlus.ts';
import { contentHash } from '../src/data/hash.ts';
import { loadDataset } from '../src/data/load.ts';
import { WasmBackend } from '../src/engine/backend/wasm.ts';
import { Interrupted } from '../src/errors.ts';
import { train } from '../src/train/train.ts';
import { fer } from './commands.ts';
import { officialRow, temporaryFolder } from './dataFiles.ts';
import { configOf, outcomeOf, watched } from './training.ts';

const folder = temporaryFolder();
const at = (...names: string[]): string => join(folder.path, ...names);
beforeAll(() => vi.stubEnv('FER_CACHE', at('cache')));
afterAll(() => {
  vi.unstubAllEnvs();
  folder.remove();
});

const HEADER = 'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF';
type Row = [usage: string, emotion: number, votes: string];
/** Emotions are FER2013's: 3 happy, 4 sad, 6 neutral. */
const ROWS: Row[] = [
  ['Training', 3, '0,10,0,0,0,0,0,0,0,0'],
  ['PublicTest', 4, '0,0,0,9,0,0,0,0,1,0'],
  ['Training', 4, '5,0,0,5,0,0,0,0,0,0'], // no majority; soft
  ['Training', 6, '0,0,0,0,0,0,0,0,0,10'], // no face
  ['Training', 6, '7,0,0,0,0,0,0,3,0,0'], // neutral; soft: contempt too, as 7 of 10 are not three quarters
  ['PublicTest', 6, '5,0,0,5,0,0,0,0,0,0'], // no majority in any mode
  ['Training', 0, '0,0,0,0,2,0,0,0,8,0'], // unknown
  ['PublicTest', 6, '0,0,0,0,0,0,0,8,0,0'],
];

let files = 0;
/** The two csv files of some rows; PrivateTest is in that of FER+ alone. */
function filesOf(rows: readonly Row[]): { data: string; labels: string } {
  const name = `f${files++}`;
  const data = at(`${name}.csv`);
  const labels = at(`${name}-plus.csv`);
  writeFileSync(
    data,
    `${['emotion,pixels,Usage', ...rows.map(([usage, emotion], i) => officialRow(i, emotion, usage))].join('\n')}\n`,
  );
  const votes = rows.map(
    ([usage, , cells], i) => `${usage},${cells.endsWith('10') ? '' : `fer${i}.png`},${cells}`,
  );
  writeFileSync(labels, `${[HEADER, ...votes, 'PrivateTest,fer9.png,9,1,0,0,0,0,0,0,0,0'].join('\n')}\n`);
  return { data, labels };
}

/** First pixel of each image: officialRow makes it from the row's number. */
const rowsOf = ({ images, splits }: Dataset, split: 'Training' | 'PublicTest'): number[] =>
  [...splits[split]].map((index) => {
    const first = images[index * 2304];
    return ROWS.findIndex((_, row) => (row * 31) % 256 === first);
  });

describe('labels of FER+', () => {
  test('majority: by order within each split, what is dropped is told', async () => {
    const { data, labels } = filesOf(ROWS);
    const notices: string[] = [];
    const dataset = await loadDataset(data, { labels, onNotice: (line) => notices.push(line) });
    expect(dataset.labels).toEqual(FER_PLUS_LABELS);
    expect(rowsOf(dataset, 'Training')).toEqual([0, 4]);
    expect(rowsOf(dataset, 'PublicTest')).toEqual([1, 7]);
    expect(dataset.splits.PrivateTest).toHaveLength(0);
    expect([...dataset.targets].map((target) => dataset.labels[target])).toEqual([
      'happy',
      'sad',
      'neutral',
      'contempt',
    ]);
    expect(dataset.votes).toBeUndefined();
    expect(dataset.hash).toBe(contentHash(dataset));
    expect(notices).toEqual([
      `${labels}: Training 2 kept; left out 1 without a clear label, 1 unknown, 1 without a face.`,
      `${labels}: PublicTest 2 kept; left out 1 without a clear label, 0 unknown, 0 without a face.`,
    ]);
  });

  test('soft: votes in Training, the majority elsewhere', async () => {
    const { data, labels } = filesOf(ROWS);
    const dataset = await loadDataset(data, { labels, ferplus: 'soft' });
    expect(rowsOf(dataset, 'Training')).toEqual([0, 2, 4]);
    expect(rowsOf(dataset, 'PublicTest')).toEqual([1, 7]);
    const votes = [...dataset.splits.Training].map((index) => [
      ...(dataset.votes ?? []).slice(index * 8, (index + 1) * 8),
    ]);
    expect(votes).toEqual([
      [0, 10, 0, 0, 0, 0, 0, 0],
      [5, 0, 0, 5, 0, 0, 0, 0],
      [7, 0, 0, 0, 0, 0, 0, 3],
    ]);
    const majority = await loadDataset(data, { labels });
    expect(dataset.hash).not.toBe(majority.hash);
    const limited = await loadDataset(data, { labels, ferplus: 'soft', limit: 2 });
    expect(limited.splits.Training).toHaveLength(2);
    expect(limited.votes).toHaveLength(4 * 8);
    expect([...(limited.votes ?? []).slice(16, 24)]).toEqual([5, 0, 0, 5, 0, 0, 0, 0]);
  });

  test.each<[string, () => { data: string; labels: string }, RegExp]>([
    [
      'a split that is not whole',
      () => ({ data: filesOf(ROWS.slice(0, 6)).data, labels: filesOf(ROWS).labels }),
      /has 5 rows of Training, and the data has 4 images there.*both must be whole/,
    ],
    ['drawn faces', () => ({ data: 'synthetic:70', labels: filesOf(ROWS).labels }), /is for fer2013\.csv/],
    [
      'a file that is not there',
      () => ({ ...filesOf(ROWS), labels: at('none.csv') }),
      /cannot read .*none\.csv/,
    ],
    [
      'rows of other images',
      () => {
        const happy = Array.from({ length: 60 }, (): Row => ['Training', 3, '0,9,0,0,0,0,0,0,0,0']);
        const sad = Array.from({ length: 60 }, (): Row => ['Training', 4, '0,0,0,9,0,0,0,0,0,0']);
        return { data: filesOf([...happy, ...sad]).data, labels: filesOf([...sad, ...happy]).labels };
      },
      /agrees with the labels of the data in 0 % of the images only/,
    ],
  ])('%s: refused', async (_, make, message) => {
    const { data, labels } = make();
    await expect(loadDataset(data, { labels })).rejects.toThrow(message);
  });
});

describe('training on FER+', () => {
  const many = (n: number): Row[] =>
    Array.from(
      { length: n },
      (_, i): Row => [i % 5 === 0 ? 'PublicTest' : 'Training', 6, '6,0,0,4,0,0,0,0,0,0'],
    );

  test('fer train and fer evaluate carry the names along', async () => {
    const { data, labels } = filesOf(many(60));
    const common = [`data=${data}`, `labels=${labels}`, 'threads=1'];
    const settings = [`runs=${at('runs')}`, 'name=plus', 'width=8', 'n_epochs=1', 'bs=16', 'curves=false'];
    const trained = await fer('train', ...common, ...settings, 'ferplus=soft');
    expect(trained.code).toBe(0);
    expect(trained.stderr).toContain('Training 48 kept; left out 0');
    const config = JSON.parse(readFileSync(at('runs', 'plus', 'config.json'), 'utf8'));
    expect(config.model.labels).toEqual(FER_PLUS_LABELS);
    expect(config.train).toMatchObject({ labels, ferplus: 'soft' });
    const evaluated = await fer('evaluate', `model=${at('runs', 'plus')}`, ...common, 'json=true');
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ n: 12, labels: FER_PLUS_LABELS });
    // The labels of FER2013 are among its own: matched by name.
    const plain = await fer('evaluate', `model=${at('runs', 'plus')}`, `data=${data}`, 'json=true');
    const { perClass } = JSON.parse(plain.stdout);
    expect(perClass.find(({ label }: { label: string }) => label === 'neutral').support).toBe(12);
    const exported = await fer('export', `model=${at('runs', 'plus')}`, `out=${at('out')}`, ...common);
    expect(exported.code).toBe(0);
    expect(readFileSync(at('out', 'command.txt'), 'utf8')).toMatch(/ labels=f\d+-plus\.csv ferplus=soft /);
    expect(readFileSync(at('out', 'README.md'), 'utf8')).toContain('FER+');
  });

  test('soft without labels= is refused', async () => {
    const { code, stderr } = await fer('train', 'data=synthetic', 'name=x', 'ferplus=soft');
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('labels=fer2013new.csv') });
  });

  test('a label is drawn for each image and epoch, the same after an interruption', async () => {
    const { data, labels } = filesOf(many(400));
    const dataset = await loadDataset(data, { labels, ferplus: 'soft' });
    const drawn: number[][] = [];
    const run = async (name: string, stopAfter: number): Promise<void> => {
      const backend = await WasmBackend.create({ threads: 2 });
      const seen = watched(backend, (of, values) => {
        if (of === 'targets') drawn.push(Array.from(values));
      });
      let steps = 0;
      const interrupted = (): boolean => ++steps > stopAfter;
      const resume = stopAfter === Number.POSITIVE_INFINITY && name === 'b';
      const config = configOf({
        runs: at('soft'),
        name,
        ...(resume ? { resume } : { labels, ferplus: 'soft' }),
      });
      try {
        await train(config, { dataset, backend: seen, interrupted });
      } catch (error) {
        expect(error).toBeInstanceOf(Interrupted);
      } finally {
        await backend.close();
      }
    };
    await run('a', Number.POSITIVE_INFINITY);
    // What is uploaded first are the labels with the most votes.
    expect(drawn).toHaveLength(3);
    const [first, one, two] = drawn.splice(0);
    expect(first).toEqual([...dataset.targets]);
    expect(one).not.toEqual(two);
    for (const epoch of [one, two]) {
      const sad = epoch.filter((label) => label === FER_PLUS_LABELS.indexOf('sad')).length;
      expect(new Set(epoch)).toEqual(new Set([0, 3]));
      // Binomial of 320 draws at 0.4, four standard deviations.
      expect(Math.abs(sad / 400 - (0.4 * 320) / 400)).toBeLessThan((4 * Math.sqrt(320 * 0.24)) / 400);
    }
    await run('b', 7);
    await run('b', Number.POSITIVE_INFINITY);
    expect(outcomeOf(at('soft', 'b'))).toEqual(outcomeOf(at('soft', 'a')));
  });
});
