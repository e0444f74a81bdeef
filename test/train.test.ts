import fs, { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WasmBackend } from '../src/engine/backend/wasm.ts';
import { readSafetensors } from '../src/io/safetensors.ts';
import { learningRate } from '../src/optim/schedules.ts';
import type { RunProgress } from '../src/train/runFolder.ts';
import type { TrainResult } from '../src/train/train.ts';
import { temporaryFolder } from './dataFiles.ts';
import { GOLDEN } from './golden.ts';
import { configOf, faces, figuresOf, tensorsOf, trainTiny, validationOf, watched } from './training.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const at = (...names: string[]): string => join(folder.path, ...names);
const metadataOf = (file: string) => readSafetensors(file).metadata;

describe('a run folder', () => {
  const dataset = faces({ Training: 160 });
  const settings = {
    augment: false,
    curves: true,
    lr: 0.02,
    n_epochs: 8,
    save_freq: 1,
    scheduler: 'plateau',
    warmup: 0,
    plateau_patience: 0,
  };
  const run = at('runs', 'a');
  let result: TrainResult;
  let written: string[];
  beforeAll(async () => {
    // The rename is the moment a file exists; clocks of file systems are too coarse to order them.
    const rename = vi.spyOn(fs, 'renameSync');
    result = await trainTiny({ ...settings, runs: at('runs') } as Parameters<typeof trainTiny>[0], {
      dataset,
    });
    written = rename.mock.calls.map(([, to]) => basename(String(to)));
    rename.mockRestore();
  });

  test('holds what was promised and nothing else', () => {
    expect(readdirSync(run).sort()).toEqual(
      [
        'best.safetensors',
        'config.json',
        'curves.png',
        'curves.svg',
        ...[1, 2, 3, 4, 5, 6, 7, 8].map((epoch) => `epoch_${epoch}.safetensors`),
        'history.csv',
        'last.safetensors',
        'last.state-8-0.safetensors',
      ].sort(),
    );
  });

  test('config.json has every value, version, revision, model and data', () => {
    const record = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'));
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
    const config = configOf({ ...settings, runs: at('elsewhere') } as Parameters<typeof configOf>[0]);
    expect(record).toEqual({
      version,
      git: expect.toSatisfy((git) => git === null || /^[0-9a-f]{40}(\+changes)?$/.test(git)),
      model: { network: 'vgg', width: 8, drop: 0.2, labels: dataset.labels, imageSize: 48, inputSize: 40 },
      data: {
        source: 'synthetic',
        hash: dataset.hash,
        images: { Training: 160, PublicTest: 20, PrivateTest: 6 },
      },
      train: { ...config, runs: at('runs') },
    });
    expect(Object.keys(record.train).length).toBeGreaterThan(30);
  });

  test('history.csv has a row an epoch with the figures of the result', () => {
    const lines = readFileSync(join(run, 'history.csv'), 'utf8').split('\n');
    expect(lines[0]).toBe(
      'epoch,lr,train_loss,train_accuracy,val_loss,val_accuracy,seconds,images_per_second',
    );
    expect(lines).toHaveLength(10);
    result.history.forEach((row, i) => {
      const cells = lines[i + 1].split(',').map(Number);
      const exact = [row.epoch, row.lr, row.trainLoss, row.trainAccuracy, row.valLoss, row.valAccuracy];
      expect(cells.slice(0, 6)).toEqual(exact);
      expect(cells[6]).toBeCloseTo(row.seconds, 2);
      expect(cells[7]).toBeCloseTo(row.imagesPerSecond, 1);
      // Training alone, so faster than all of the epoch's seconds say.
      expect(row.imagesPerSecond).toBeGreaterThan(160 / row.seconds);
    });
    expect(result.history.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('the rate follows the schedule', () => {
    const config = configOf({ ...settings, runs: at('elsewhere') } as Parameters<typeof configOf>[0]);
    const { accuracies } = validationOf(result.history);
    const expected = accuracies.map((_, step) =>
      learningRate(config, { step, stepsPerEpoch: 1, accuracies: accuracies.slice(0, step) }),
    );
    expect(result.history.map(({ lr }) => lr)).toEqual(expected);
    expect(new Set(expected).size).toBeGreaterThan(1);
  });

  test('best is the first of the best epochs, last is the last', () => {
    const { accuracies } = validationOf(result.history);
    const best = accuracies.indexOf(Math.max(...accuracies)) + 1;
    expect(result).toMatchObject({ run, ended: 'epochs', best: result.history[best - 1] });
    expect(new Set(accuracies).size).toBeGreaterThan(1);
    expect(tensorsOf(join(run, 'best.safetensors'))).toEqual(
      tensorsOf(join(run, `epoch_${best}.safetensors`)),
    );
    expect(tensorsOf(join(run, 'last.safetensors'))).toEqual(tensorsOf(join(run, 'epoch_8.safetensors')));
    expect(metadataOf(join(run, 'best.safetensors'))).toMatchObject({ epoch: String(best), network: 'vgg' });
  });

  test('a checkpoint exists when all it needs does', () => {
    const [kept, state, last, history] = [
      'epoch_8.safetensors',
      'last.state-8-0.safetensors',
      'last.safetensors',
      'history.csv',
    ].map((name) => written.lastIndexOf(name));
    expect(kept).toBeGreaterThanOrEqual(0);
    expect(kept < state && state < last && last < history).toBe(true);
  });

  test("weights have the names and shapes of the original's state_dict", async () => {
    const { tensors } = readSafetensors(join(run, 'last.safetensors'));
    expect(Object.keys(tensors).sort()).toEqual([...GOLDEN.parameter_order].sort());
    for (const [name, { shape, dtype }] of Object.entries(tensors)) {
      expect(dtype).toBe('F32');
      const original = (GOLDEN.gradients[name] ?? GOLDEN.running_after_one_batch[name]).shape;
      // The width is 8 instead of 64 here; grey input, 3x3 kernels and 7 labels stay.
      const scaled = original.map((side) => (side > 7 ? side / 8 : side));
      expect([name, shape]).toEqual([name, scaled]);
    }
  });
});

describe('every image of an epoch is trained once', () => {
  test.each([
    [37, 16, 1, [16, 16, 5]],
    [33, 16, 1, [16, 16, 1]],
    [17, 16, 10, [16, 1]],
    [5, 16, 1, [5]],
    [32, 16, 1, [16, 16]],
    [3, 1, 1, [1, 1, 1]],
  ] as const)('%i images in steps of %i, %i crops', async (images, bs, crops, steps) => {
    const orders: number[][] = [];
    const backend = watched(await WasmBackend.create({ threads: 1 }), (name, values) => {
      if (name === 'order' && values.length === images) orders.push([...Array.from(values)]);
    });
    const seen: RunProgress[] = [];
    const dataset = faces({ Training: images, PublicTest: 4 });
    const runs = at(`${images} ${bs} ${crops}`);
    await trainTiny(
      { runs, bs, crops },
      { dataset, backend, listener: { onStep: (progress) => seen.push(progress) } },
    );
    await backend.close();
    const epoch = seen.slice(0, steps.length);
    expect(epoch.map(({ start }, i) => start - (epoch[i - 1]?.start ?? 0))).toEqual(steps);
    expect(epoch.map(({ totals }) => totals.samples)).toEqual(epoch.map(({ start }) => start * crops));
    expect(seen).toHaveLength(2 * steps.length);
    expect(seen[seen.length - 1]).toMatchObject({ epoch: 1, start: images, step: 2 * steps.length });
    expect(orders).toHaveLength(2);
    for (const order of orders) {
      expect([...order].sort((a, b) => a - b)).toEqual([...dataset.splits.Training]);
    }
    if (images > 3) expect(orders[0]).not.toEqual(orders[1]);
  });

  test('of all the splits named, and no other', async () => {
    const dataset = faces();
    const orders: number[][] = [];
    const backend = watched(await WasmBackend.create({ threads: 1 }), (name, values) => {
      if (name === 'order' && values.length === 43) orders.push([...Array.from(values)]);
    });
    await trainTiny(
      { runs: at('both'), n_epochs: 1, train: ['PrivateTest', 'Training'] },
      { dataset, backend },
    );
    await backend.close();
    const both = [...dataset.splits.Training, ...dataset.splits.PrivateTest];
    expect(orders.map((order) => [...order].sort((a, b) => a - b))).toEqual([both.sort((a, b) => a - b)]);
  });
});

describe('early stopping', () => {
  test('ends after so many epochs without a better accuracy', async () => {
    const settings = { runs: at('patience'), n_epochs: 40, patience: 2, lr: 0.02 };
    const result = await trainTiny(settings, { dataset: faces({ Training: 40 }) });
    expect(result.ended).toBe('patience');
    expect(result.history.length).toBeLessThan(40);
    expect(result.history.length - result.best.epoch).toBe(2);
    const { accuracies } = validationOf(result.history);
    for (let n = 1; n < accuracies.length; n++) {
      const best = accuracies.slice(0, n).indexOf(Math.max(...accuracies.slice(0, n)));
      expect(n - 1 - best).toBeLessThan(2);
    }
    const notes: string[] = [];
    const again = await trainTiny(
      { runs: at('patience'), resume: true },
      { dataset: faces({ Training: 40 }), listener: { onNote: (line) => notes.push(line) } },
    );
    expect(again).toEqual(result);
    expect(notes).toEqual([
      `${at('patience', 'a')} is out of patience: give a larger patience=, or 0, to go on with it`,
    ]);
  });
});

test('a run does not go on towards a least rate above its rate', async () => {
  const runs = at('least rate');
  await trainTiny({ runs, n_epochs: 1, scheduler: 'cosine' }, { dataset: faces() });
  expect(() => configOf({ runs, resume: true, n_epochs: 2, min_lr: 0.5 })).toThrow(
    /^min_lr=0\.5 is above lr=0\.01/,
  );
  expect(configOf({ runs, resume: true, n_epochs: 2, min_lr: 0.005 }).min_lr).toBe(0.005);
});

describe('a run whose length is decided on the way', () => {
  test('has the bits of one of that length from the start, with wsd', async () => {
    const dataset = faces();
    const settings = { scheduler: 'wsd', decay_epochs: 1.5, warmup: 1 } as const;
    const whole = await trainTiny({ ...settings, runs: at('known'), n_epochs: 4 }, { dataset });
    const runs = at('decided');
    // Stopped within the second epoch of many, before any of the two would fall.
    let asked = 0;
    const stopped = trainTiny(
      { ...settings, runs, n_epochs: 50 },
      { dataset, interrupted: () => ++asked > 4 },
    );
    await expect(stopped).rejects.toThrow('stopped and saved');
    expect(figuresOf(join(runs, 'a'))).toHaveLength(2);
    const decided = await trainTiny({ runs, resume: true, n_epochs: 4 }, { dataset });
    expect(decided.history).toHaveLength(4);
    expect(figuresOf(join(runs, 'a'))).toEqual(figuresOf(at('known', 'a')));
    for (const file of ['last.safetensors', 'best.safetensors'])
      expect(tensorsOf(join(runs, 'a', file))).toEqual(tensorsOf(at('known', 'a', file)));
    const rates = whole.history.map(({ lr }) => lr);
    expect(rates[3]).toBeLessThan(rates[1]);
  });
});

describe('diverging', () => {
  const dataset = faces({ Training: 32 });

  test('stops with advice and keeps the last checkpoint', async () => {
    const runs = at('diverging');
    await trainTiny({ runs, n_epochs: 1 }, { dataset });
    const before = tensorsOf(join(runs, 'a', 'last.safetensors'));
    const history = figuresOf(join(runs, 'a'));
    const bad = trainTiny({ runs, resume: true, n_epochs: 3, lr: 1e30 }, { dataset });
    await expect(bad).rejects.toThrow(
      /diverged.*epoch 2 after step \d+, at lr=1e\+30.*resume=true and a lower lr=/,
    );
    expect(tensorsOf(join(runs, 'a', 'last.safetensors'))).toEqual(before);
    expect(figuresOf(join(runs, 'a'))).toEqual(history);
    const mended = await trainTiny({ runs, resume: true, n_epochs: 3, lr: 1e-3 }, { dataset });
    expect(mended.history.map(({ lr }) => lr)).toEqual([0.01, 1e-3, 1e-3]);
  });

  test('names the rate of the moment beside lr=, which the advice is about', async () => {
    const warming = trainTiny({ runs: at('warming'), lr: 1e30, warmup: 3 }, { dataset });
    await expect(warming).rejects.toThrow(
      /, at a rate of \S+e\+29 \(lr=1e\+30\)\. .* start again with lr=3e\+29 and overwrite=true$/,
    );
  });

  test('weights that are not finite are never saved, even where the loss still was', async () => {
    const runs = at('overflow');
    let asked = 0;
    // Interrupted after the first step, whose loss is that of the initial weights.
    const stopped = trainTiny(
      { runs, bs: 32, lr: 1e308, drop: 0 },
      { dataset, interrupted: () => ++asked > 0 },
    );
    await expect(stopped).rejects.toThrow('diverged');
    expect(asked).toBe(1);
    expect(readdirSync(join(runs, 'a'))).toEqual(['config.json']);
  });
});

describe('an empty split', () => {
  test.each([
    ['PublicTest', { PublicTest: 0 }, {}],
    ['Training', { Training: 0 }, {}],
    ['PrivateTest', { PrivateTest: 0 }, { train: ['Training', 'PrivateTest'] as const }],
  ])('%s', async (split, counts, settings) => {
    const attempt = trainTiny({ runs: at('empty'), ...settings }, { dataset: faces(counts) });
    await expect(attempt).rejects.toThrow(new RegExp(`no image in ${split} .*train= and val=`));
    expect(readdirSync(folder.path)).not.toContain('empty');
  });
});
