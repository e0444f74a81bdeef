import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/dataFiles.ts';
import { defaultsOf } from '../config/option.ts';
import { trainOptions } from '../config.ts';
import { FerError } from '../errors.ts';
import { checkedChanges, readRecord, recordOf } from './runRecord.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const CONFIG = join(folder.path, 'config.json');
const write = (record: unknown): void => writeFileSync(CONFIG, JSON.stringify(record));

const ORIGIN = { file: 'runs/a/best.safetensors', sha256: 'x', seen: { learned: ['Training'], watched: [] } };
const MODEL = { network: 'vgg', width: 8, drop: 0, labels: ['a', 'b'], imageSize: 48, inputSize: 40 };
const AVERAGED = {
  models: [ORIGIN],
  name: 'a',
  data: 'x',
  hash: 'y',
  train: ['Training'],
  limit: 0,
  augmentations: ['flip'],
  bs: 64,
  seed: 0,
};
const MADE = { version: '1.0.0', git: null, model: MODEL };
const TRAINED = {
  ...MADE,
  data: { source: 'x', hash: 'y', images: { Training: 5 } },
  train: { ...defaultsOf(trainOptions), name: 'a', data: 'x' },
  from: ORIGIN,
  teachers: [{ file: 'y', sha256: 'z' }],
  averaged: AVERAGED,
};

describe('the record of a training', () => {
  test('is read as it was written', () => {
    write(TRAINED);
    expect(readRecord(CONFIG)).toEqual({ ...TRAINED, changes: undefined });
    expect(recordOf(join(folder.path, 'best.safetensors'))).toEqual(readRecord(CONFIG));
  });

  test.each<[string, object]>([
    ['data.source', { data: { ...TRAINED.data, source: 5 } }],
    ['data.images', { data: { ...TRAINED.data, images: undefined } }],
    ['data.images.Training', { data: { ...TRAINED.data, images: { Training: 'all' } } }],
    ['restoring', { restoring: '../..' }],
    ['from', { from: null }],
    ['from.file', { from: {} }],
    ['from.sha256', { from: { ...ORIGIN, sha256: 5 } }],
    ['from.seen.watched', { from: { ...ORIGIN, seen: { learned: [] } } }],
    ['teachers', { teachers: ORIGIN }],
    ['teachers[1].file', { teachers: [ORIGIN, { sha256: 'x' }] }],
    ['averaged.models', { averaged: { ...AVERAGED, models: [] } }],
    ['averaged.models[0]', { averaged: { ...AVERAGED, models: ['runs/a'] } }],
    ['averaged.train', { averaged: { ...AVERAGED, train: 'Training' } }],
    ['averaged.of', { averaged: { ...AVERAGED, of: 'both' } }],
    ['changes', { changes: {} }],
  ])('a wrong %s is named, with the file', (field, wrong) => {
    write({ ...TRAINED, ...wrong });
    const message = `${CONFIG}: "${field}" is `;
    expect(() => readRecord(CONFIG)).toThrow(FerError);
    expect(() => readRecord(CONFIG)).toThrow(message);
    expect(() => recordOf(join(folder.path, 'best.safetensors'))).toThrow(message);
  });
});

describe('the record of weights that were not trained here', () => {
  const weights = join(folder.path, 'model.safetensors');

  test('is read as it was written; one that only describes them is none', () => {
    const imported = { ...MADE, imported: { file: 'w.safetensors', sha256: 'x' } };
    for (const record of [imported, { ...MADE, averaged: AVERAGED }]) {
      write(record);
      expect(recordOf(weights)).toEqual(record);
    }
    write(MADE);
    expect(recordOf(weights)).toBeUndefined();
    expect(recordOf(join(folder.path, 'none', 'model.safetensors'))).toBeUndefined();
  });

  test.each<[string, object]>([
    ['imported', { imported: null }],
    ['imported.sha256', { imported: { file: 'w.safetensors' } }],
    ['averaged.models[0].sha256', { averaged: { ...AVERAGED, models: [{ file: 'x' }] } }],
    ['averaged.hash', { averaged: { ...AVERAGED, hash: undefined } }],
  ])('a wrong %s is named, with the file', (field, wrong) => {
    write({ ...MADE, ...wrong });
    expect(() => recordOf(weights)).toThrow(FerError);
    expect(() => recordOf(weights)).toThrow(`${CONFIG}: "${field}" is `);
  });

  test('a cut file', () => {
    writeFileSync(CONFIG, '{"model":');
    expect(() => recordOf(weights)).toThrow(/config\.json is not valid JSON/);
  });
});

describe('checkedChanges', () => {
  const program = { version: '1.1.0', git: null };
  const good = { epoch: 3, images: 0, restored: 1, before: { lr: 0.1, gone: 1 }, after: { lr: 0 }, program };

  test('takes what was written, without settings that are none', () => {
    expect(checkedChanges(undefined, 'f')).toBeUndefined();
    expect(checkedChanges([good], 'f')).toEqual([{ ...good, before: { lr: 0.1 } }]);
  });

  test.each([
    {},
    [null],
    [{ ...good, epoch: -1 }],
    [{ ...good, images: 0.5 }],
    [{ ...good, restored: 'x' }],
    [{ ...good, teachers: 'x' }],
    [{ ...good, teachers: [null] }],
    [{ ...good, program: null }],
    [{ ...good, program: { version: '1' } }],
    [{ ...good, before: undefined }],
    [{ ...good, after: { lr: 'fast' } }],
  ])('%j is damage', (json) => {
    expect(() => checkedChanges(json, 'config.json')).toThrow(FerError);
  });
});
