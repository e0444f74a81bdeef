import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WasmBackend } from '../src/engine/backend/wasm.ts';
import { Recognizer } from '../src/evaluate/recognizer.ts';
import { readGrayImage } from '../src/image/read.ts';
import { readModel } from '../src/nn/model.ts';
import { fer } from './commands.ts';
import { temporaryFolder } from './dataFiles.ts';
import { faces, trainTiny } from './training.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const at = (...names: string[]): string => join(folder.path, ...names);
const model = `model=${at('runs', 'a')}`;

interface Row {
  file: string;
  label?: string;
  scores?: Record<string, number>;
  error?: string;
}

/** Of face crops; `photos.test.ts` is about photographs. */
async function predict(...args: string[]): Promise<{ code: number; rows: Row[]; stderr: string }> {
  const { code, stdout, stderr } = await fer('predict', 'json=true', 'faces=none', model, ...args);
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  return { code, rows: JSON.parse(stdout), stderr };
}

const dataset = faces({ Training: 60 });
const face = (i: number) => {
  const pixels = dataset.images.subarray(i * 2304, (i + 1) * 2304);
  return sharp(pixels, { raw: { width: 48, height: 48, channels: 1 } });
};

beforeAll(async () => {
  await trainTiny({ runs: at('runs'), n_epochs: 6, lr: 0.02, augment: false }, { dataset });
  mkdirSync(at('pictures', 'more'), { recursive: true });
  await face(0).png().toFile(at('pictures', 'grey.png'));
  await face(1).resize(200, 200).toColourspace('srgb').jpeg().toFile(at('pictures', 'large.JPG'));
  await face(2)
    .resize(30, 40)
    .toColourspace('srgb')
    .webp()
    .toFile(at('pictures', 'more', 'small.webp'));
  writeFileSync(at('pictures', 'notes.txt'), 'no picture');
  writeFileSync(at('broken.jpg'), Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]));
});

describe('pictures', () => {
  test('of every format, in folders and named, once each', async () => {
    const { code, rows, stderr } = await predict(at('pictures'), at('pictures', 'grey.png'));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const names = ['grey.png', 'large.JPG', join('more', 'small.webp')];
    expect(rows.map(({ file }) => file)).toEqual(names.map((name) => at('pictures', name)));
    for (const row of rows) {
      expect(Object.keys(row)).toEqual(['file', 'label', 'scores']);
      const scores = row.scores ?? {};
      expect(Object.keys(scores)).toEqual(dataset.labels);
      expect(Object.values(scores).reduce((a, b) => a + b)).toBeCloseTo(1, 6);
      expect(scores[row.label ?? '']).toBe(Math.max(...Object.values(scores)));
    }
  });

  test('the answer is the softmax of the logits, whatever else is asked for', async () => {
    const backend = await WasmBackend.create({ threads: 1 });
    const recognizer = new Recognizer(backend, readModel(at('runs', 'a')), { crops: 10, batch: 1 });
    for (const name of ['grey.png', 'large.JPG']) {
      const file = at('pictures', name);
      const logits = await recognizer.logits(await readGrayImage(file, 48));
      const exp = [...logits].map(Math.exp);
      const sum = exp.reduce((a, b) => a + b);
      for (const args of [[file], [at('pictures')], [at('pictures'), 'bs=10']]) {
        const row = (await predict(...args)).rows.find((candidate) => candidate.file === file);
        expect(Object.keys(row?.scores ?? {})).toEqual(dataset.labels);
        Object.values(row?.scores ?? {}).forEach((score, i) => {
          expect(score).toBeCloseTo(exp[i] / sum, 6);
        });
      }
    }
    await backend.close();
  });

  test('crops=1 looks at the centre only', async () => {
    const [one, ten] = [await predict(at('pictures'), 'crops=1'), await predict(at('pictures'))];
    expect(one.rows[0].scores).not.toEqual(ten.rows[0].scores);
  });

  test('as a table', async () => {
    const { code, stdout } = await fer('predict', 'faces=none', model, at('pictures'), at('broken.jpg'));
    expect(code).toBe(1);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^file +label +angry +disgust .*neutral +\(%\)$/);
    expect(lines).toHaveLength(5);
    expect(lines[1]).toMatch(/grey\.png +[a-z]+ +(\d+\.\d +){6}\d+\.\d$/);
    expect(stdout).toMatch(/broken\.jpg +unreadable/);
  });
});

describe('what cannot be read', () => {
  test.each([
    ['a damaged picture', 'broken.jpg', /broken\.jpg: the picture cannot be decoded/],
    [
      'a file of another kind',
      join('pictures', 'notes.txt'),
      /notes\.txt: expected a JPEG, PNG or WebP picture/,
    ],
    ['a path that is not there', 'none.jpg', /none\.jpg: there is no such file or folder/],
    ['a folder without pictures', 'empty', /empty: expected \.jpg.*found none/],
  ])('%s is reported and the others go on', async (_, name, message) => {
    mkdirSync(at('empty'), { recursive: true });
    const { code, rows, stderr } = await predict(at(name), at('pictures'));
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(rows).toHaveLength(4);
    const bad = rows.filter(({ error }) => error !== undefined);
    expect(bad).toEqual([{ file: at(name), error: expect.stringMatching(message) }]);
    const alone = await predict(at('pictures'));
    expect(rows.filter(({ error }) => error === undefined)).toEqual(alone.rows);
  });

  test('every picture is bad', async () => {
    const { code, rows } = await predict(at('broken.jpg'));
    expect(code).toBe(1);
    expect(rows).toEqual([{ file: at('broken.jpg'), error: expect.any(String) }]);
  });

  test('there is no picture at all', async () => {
    const { code, stdout, stderr } = await fer('predict', model, 'json=true', at('none.jpg'), at('void'));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/none\.jpg.*\n.*void/);
  });

  test('there is no model', async () => {
    const { code, stderr } = await fer('predict', `model=${at('none')}`, at('pictures'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/no model at .*none/);
  });
});
