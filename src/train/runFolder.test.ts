import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/dataFiles.ts';
import { readSafetensors, writeSafetensors } from '../io/safetensors.ts';
import { stored } from '../nn/model.ts';
import type { EpochRow } from './history.ts';
import { RunFolder, type RunProgress } from './runFolder.ts';

let temporary: ReturnType<typeof temporaryFolder>;
let folder: RunFolder;
beforeEach(() => {
  temporary = temporaryFolder();
  folder = new RunFolder(temporary.path, 'a');
});
afterEach(() => temporary.remove());

const ROW: EpochRow = {
  epoch: 1,
  lr: 0.01,
  trainLoss: 2,
  trainAccuracy: 0.1,
  valLoss: 1.9,
  valAccuracy: 0.2,
  seconds: 3,
  imagesPerSecond: 100,
};
const PROGRESS: RunProgress = {
  epoch: 1,
  start: 0,
  step: 5,
  optimizerStep: 5,
  totals: { loss: 0, correct: 0, samples: 0 },
  seconds: 0,
  history: [ROW],
  best: null,
};
const tensors = (value: number) => ({ x: stored([2], Float32Array.of(value, -value)) });
const write = (value: number, progress: Partial<RunProgress> = {}): void => {
  folder.make();
  folder.writeState(tensors(value), { network: 'vgg' }, tensors(10 * value), { ...PROGRESS, ...progress });
};
const names = (): string[] => readdirSync(folder.path).sort();
const STATE = 'last.state-1-0.safetensors';

describe('a checkpoint', () => {
  test('is read as it was written', () => {
    write(1);
    const { weights, optimizer, progress } = folder.readState();
    expect(weights.tensors.x.data).toEqual(Float32Array.of(1, -1));
    expect(optimizer.tensors.x.data).toEqual(Float32Array.of(10, -10));
    expect(progress).toEqual(PROGRESS);
    expect(weights.metadata).toEqual({ network: 'vgg', state: STATE });
    expect(folder.readHistory()).toEqual([ROW]);
    expect(names()).toEqual(['history.csv', 'last.safetensors', STATE]);
  });

  test('a second one at the same place does not touch the state of the first before it is whole', () => {
    write(1);
    // What a kill between state and last would leave: the first state must still be that of the first.
    const first = join(temporary.path, 'first');
    cpSync(join(folder.path, STATE), first);
    write(2);
    const { state } = readSafetensors(join(folder.path, 'last.safetensors')).metadata;
    expect(state).toBe('last.state-1-0-2.safetensors');
    expect(names()).toEqual(['history.csv', 'last.safetensors', state]);
    expect(folder.readState().optimizer.tensors.x.data).toEqual(Float32Array.of(20, -20));
    write(3);
    expect(names()).toEqual(['history.csv', 'last.safetensors', STATE]);
    expect(readFileSync(join(folder.path, STATE))).not.toEqual(readFileSync(first));
  });

  test('states that no checkpoint refers to go when it is read', () => {
    write(1);
    const orphan = join(folder.path, 'last.state-2-64.safetensors');
    cpSync(join(folder.path, STATE), orphan);
    folder.sweep();
    expect(existsSync(orphan)).toBe(true);
    folder.readState();
    expect(names()).toEqual(['history.csv', 'last.safetensors', STATE]);
  });

  test('of the best epoch, whose weights a kill left unwritten, gives them when it is read', () => {
    folder.make();
    folder.writeWeights('best', tensors(9), { network: 'vgg', epoch: '0' });
    write(1, { best: ROW });
    expect(folder.readState().progress.best).toEqual(ROW);
    const { tensors: best, metadata } = readSafetensors(join(folder.path, 'best.safetensors'));
    expect(best.x.data).toEqual(Float32Array.of(1, -1));
    expect(metadata).toEqual({ network: 'vgg' });
  });

  test.each<[string, string, Partial<RunProgress>]>([
    ['is there already', '1', { best: ROW }],
    ['is an earlier one', '1', { epoch: 2, best: ROW }],
    ['was trained on since', '0', { best: ROW, start: 16 }],
    ['is not known', '0', {}],
  ])('leaves the best weights as they are where the best epoch %s', (_, epoch, progress) => {
    folder.make();
    folder.writeWeights('best', tensors(9), { network: 'vgg', epoch });
    write(1, progress);
    folder.readState();
    const { tensors: best } = readSafetensors(join(folder.path, 'best.safetensors'));
    expect(best.x.data).toEqual(Float32Array.of(9, -9));
  });

  test.each<[string, unknown]>([
    ['no JSON', undefined],
    ['null', null],
    ['a negative epoch', { ...PROGRESS, epoch: -1 }],
    ['half a step', { ...PROGRESS, step: 0.5 }],
    ['no totals', { ...PROGRESS, totals: undefined }],
    ['a total that is not finite', { ...PROGRESS, totals: { loss: null, correct: 0, samples: 0 } }],
    ['a history that is no list', { ...PROGRESS, history: {} }],
    ['a row without a figure', { ...PROGRESS, history: [{ ...ROW, lr: undefined }] }],
    ['a best that is none', { ...PROGRESS, best: 1 }],
  ])('progress with %s is damage', (_, progress) => {
    write(1);
    writeSafetensors(join(folder.path, STATE), tensors(1), {
      progress: progress === undefined ? '{' : JSON.stringify(progress),
    });
    expect(() => folder.readState()).toThrow(/last\.state-1-0\.safetensors does not say how far the run was/);
  });

  test('a header cannot name a file elsewhere', () => {
    write(1);
    writeSafetensors(join(temporary.path, 'other.safetensors'), tensors(1), {
      progress: JSON.stringify(PROGRESS),
    });
    writeSafetensors(join(folder.path, 'last.safetensors'), tensors(1), { state: '../other.safetensors' });
    expect(() => folder.readState()).toThrow('does not name its optimizer state');
  });
});

describe('what counts as a run', () => {
  test('nothing, an empty folder and what killed processes leave do not', () => {
    expect(folder.exists).toBe(false);
    folder.make();
    expect(folder.exists).toBe(false);
    writeFileSync(join(folder.path, '.lock'), '');
    writeFileSync(join(folder.path, '.config.json.1.0123abcd.tmp'), '');
    expect(folder.exists).toBe(false);
    folder.clear();
    expect(names()).toEqual(['.lock']);
  });

  test('a file does', () => {
    folder.make();
    writeFileSync(join(folder.path, 'notes.txt'), '');
    expect(folder.exists).toBe(true);
    expect(() => folder.clear()).toThrow(/is no run/);
    writeFileSync(join(folder.path, 'config.json'), '{}');
    writeFileSync(join(folder.path, '.lock'), '');
    folder.clear();
    expect(names()).toEqual(['.lock']);
  });

  test('a link in a run is removed, not what it leads to', () => {
    const elsewhere = join(temporary.path, 'elsewhere');
    new RunFolder(temporary.path, 'elsewhere').make();
    writeFileSync(join(elsewhere, 'precious'), '');
    folder.make();
    writeFileSync(join(folder.path, 'config.json'), '{}');
    symlinkSync(elsewhere, join(folder.path, 'link'));
    folder.clear();
    expect(readdirSync(elsewhere)).toEqual(['precious']);
  });
});

test('kept epochs are listed in the order of their numbers', () => {
  folder.make();
  expect(() => folder.readEpoch(3)).toThrow(/epoch_3\.safetensors does not exist: none was kept/);
  for (const epoch of [2, 10]) folder.writeWeights(`epoch_${epoch}`, tensors(epoch), { network: 'vgg' });
  expect(folder.readEpoch(10).tensors.x.data[0]).toBe(10);
  expect(() => folder.readEpoch(3)).toThrow('kept are 2, 10 (save_freq');
});

test('a damaged history reads as none', () => {
  write(1);
  writeFileSync(join(folder.path, 'history.csv'), 'epoch\n1\n');
  expect(folder.readHistory()).toEqual([]);
});
