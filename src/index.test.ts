import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  computeMetrics,
  createBackend,
  type EpochRow,
  FER2013_LABELS,
  FerError,
  prepareTraining,
  Recognizer,
  readModel,
  synthetic,
  train,
  UsageError,
} from './index.ts';

const runs = mkdtempSync(join(tmpdir(), 'fer-library-'));
afterAll(() => rmSync(runs, { recursive: true }));

test('a program trains a network and asks it about faces', async () => {
  const dataset = synthetic({ counts: { Training: 140, PublicTest: 14 } });
  const config = prepareTraining({ runs, name: 'small', data: 'synthetic', width: 8, n_epochs: 2, bs: 32 });
  expect(config).toMatchObject({ width: 8, momentum: 0.9, overwrite: false });
  const backend = await createBackend({ device: 'auto', threads: 1 });
  try {
    const rows: EpochRow[] = [];
    const listener = { onEpoch: (row: EpochRow) => void rows.push(row) };
    const result = await train(config, { dataset, backend, listener });
    expect(result).toMatchObject({ run: join(runs, 'small'), ended: 'epochs', history: rows });
    expect(rows.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(readFileSync(join(result.run, 'history.csv'), 'utf8').split('\n')).toHaveLength(4);

    const recognizer = new Recognizer(backend, readModel(result.run), { crops: 10, batch: 5 });
    const faces = dataset.images.subarray(140 * dataset.size ** 2);
    const targets = dataset.targets.subarray(140);
    const { accuracy } = computeMetrics(
      await recognizer.logits(faces),
      targets,
      recognizer.description.labels,
    );
    expect(accuracy).toBe(result.best.valAccuracy);
    for (const { label, scores } of await recognizer.recognize(faces)) {
      expect(Object.keys(scores)).toEqual([...FER2013_LABELS]);
      expect(Math.max(...Object.values(scores))).toBe(scores[label]);
    }
    expect(() => prepareTraining({ runs, name: 'small', data: 'synthetic' })).toThrow(FerError);
  } finally {
    await backend.close();
  }
});

test('settings are checked as on the command line', () => {
  const settings = { runs, name: 'other', data: 'synthetic' };
  expect(() => prepareTraining({ ...settings, lr: -1 })).toThrow(UsageError);
  expect(() => prepareTraining({ ...settings, epochs: 3 } as typeof settings)).toThrow(/n_epochs/);
  expect(
    prepareTraining({ ...settings, recipe: 'paper', bs: 32, train: ['Training', 'PrivateTest'] }),
  ).toMatchObject({ crops: 10, n_epochs: 300, bs: 32, train: ['Training', 'PrivateTest'] });
});
