import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TrainConfig } from '../src/config.ts';
import { UsageError } from '../src/errors.ts';
import { prepareTraining } from '../src/index.ts';
import { readSafetensors, writeSafetensors } from '../src/io/safetensors.ts';
import { temporaryFolder } from './dataFiles.ts';
import { configOf, faces, figuresOf, outcomeOf, snapshot, trainTiny } from './training.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const at = (...names: string[]): string => join(folder.path, ...names);

const dataset = faces();
/** A finished run of three epochs, each kept. */
const DONE = at('done', 'a');
const STATE = 'last.state-3-0.safetensors';
beforeAll(() => trainTiny({ runs: at('done'), n_epochs: 3, save_freq: 1, lr: 0.02 }, { dataset }));

let copies = 0;
/** A copy of the finished run to do something to. */
function copy(): { runs: string; run: string } {
  const runs = at(`copy ${++copies}`);
  cpSync(DONE, join(runs, 'a'), { recursive: true });
  return { runs, run: join(runs, 'a') };
}

describe('a name that exists', () => {
  test('is refused, and nothing is touched', async () => {
    const { runs, run } = copy();
    const before = snapshot(run);
    await expect(trainTiny({ runs }, { dataset })).rejects.toThrow(
      /a exists: give resume=true .* overwrite=true .* or another name=/,
    );
    expect(snapshot(run)).toEqual(before);
  });

  test('is refused too if it came to exist after the first look', async () => {
    const runs = at('raced');
    const started = trainTiny({ runs }, { dataset });
    cpSync(DONE, join(runs, 'a'), { recursive: true });
    await expect(started).rejects.toThrow(/a exists/);
    expect(snapshot(join(runs, 'a'))).toEqual(snapshot(DONE));
  });

  test('overwrite=true starts afresh and leaves nothing of the old run', async () => {
    const { runs, run } = copy();
    await trainTiny({ runs, overwrite: true }, { dataset });
    await trainTiny({ runs: at('fresh') }, { dataset });
    expect(outcomeOf(run)).toEqual(outcomeOf(at('fresh', 'a')));
  });

  test('overwrite=true does not delete what is no run', async () => {
    const runs = at('precious');
    mkdirSync(join(runs, 'a', 'photos'), { recursive: true });
    writeFileSync(join(runs, 'a', 'photos', 'one.jpg'), 'irreplaceable');
    await expect(trainTiny({ runs, overwrite: true }, { dataset })).rejects.toThrow(
      /is no run .*not delete it/,
    );
    expect(readFileSync(join(runs, 'a', 'photos', 'one.jpg'), 'utf8')).toBe('irreplaceable');
  });

  test('an empty folder is free', async () => {
    mkdirSync(at('empty', 'a'), { recursive: true });
    await trainTiny({ runs: at('empty'), n_epochs: 1 }, { dataset });
    expect(existsSync(at('empty', 'a', 'best.safetensors'))).toBe(true);
  });
});

describe('going on', () => {
  test('a run that is not there', () => {
    expect(() => configOf({ runs: at('none'), resume: true })).toThrow(/no run at .*without resume=true/);
    expect(() => configOf({ runs: at('none'), restore_epoch: 4 })).toThrow(
      /no run at .*without restore_epoch=4/,
    );
  });

  test('contradictions are wrong usage', () => {
    const refused = (settings: Partial<TrainConfig>) =>
      expect(() => configOf({ runs: at('none'), ...settings })).toThrow(UsageError);
    refused({ resume: true, overwrite: true });
    refused({ restore_epoch: 1, overwrite: true });
    refused({ start_epoch: 1 });
    refused({ restore_epoch: 3, start_epoch: 2 });
  });

  test('combinations are judged with the saved settings, not with defaults', async () => {
    const runs = at('without validation');
    const train = ['Training', 'PublicTest'] as const;
    await trainTiny({ runs, train, val: 'none', lr: 1e-3, n_epochs: 1 }, { dataset });
    expect(configOf({ runs, resume: true, train, n_epochs: 2 })).toMatchObject({ val: 'none', n_epochs: 2 });
    const refused = (settings: Partial<TrainConfig>, message: RegExp) => {
      const attempt = () => configOf({ runs, resume: true, ...settings });
      expect(attempt).toThrow(UsageError);
      expect(attempt).toThrow(message);
    };
    refused({ scheduler: 'plateau' }, /scheduler=plateau looks at the accuracy/);
    refused({ teacher_share: 0.1 }, /teacher_share= would have no effect/);
    refused({ gamma: 0.1 }, /gamma= would have no effect: scheduler=constant makes no use of it/);
    // What is saved, or a recipe says, was not asked for.
    expect(configOf({ runs, resume: true, train, scheduler: 'step' }).scheduler).toBe('step');
    expect(configOf({ runs, resume: true, train, recipe: 'paper', scheduler: 'step' }).momentum).toBe(0.9);
  });

  test('a whole configuration may be passed on, whatever has an effect in it', () => {
    const first = configOf({ runs: at('passed on'), optimizer: 'adam' });
    expect(prepareTraining({ ...first, name: 'b' })).toEqual({ ...first, name: 'b' });
  });

  test('more epochs than before: as if they had been asked for at once', async () => {
    const { runs, run } = copy();
    const { history } = await trainTiny({ runs, resume: true, n_epochs: 5 }, { dataset });
    expect(history).toHaveLength(5);
    await trainTiny({ runs: at('five'), n_epochs: 5, save_freq: 1, lr: 0.02 }, { dataset });
    expect(outcomeOf(run)).toEqual(outcomeOf(at('five', 'a')));
  });

  test('a finished run says so and stays as it is', async () => {
    const { runs, run } = copy();
    const notes: string[] = [];
    const result = await trainTiny(
      { runs, resume: true },
      { dataset, listener: { onNote: (line) => notes.push(line) } },
    );
    expect(notes).toEqual([`${run} has its 3 epochs: give a larger n_epochs= to go on with it`]);
    expect(result.history).toHaveLength(3);
    expect(outcomeOf(run)).toEqual(outcomeOf(DONE));
  });

  test("a checkpoint of a version that did not count the optimizer's steps", async () => {
    const { runs, run } = copy();
    const { tensors, metadata } = readSafetensors(join(run, STATE));
    const { optimizerStep, ...progress } = JSON.parse(metadata.progress);
    expect(optimizerStep).toBe(9);
    writeSafetensors(join(run, STATE), tensors, { progress: JSON.stringify(progress) });
    await trainTiny({ runs, resume: true, n_epochs: 4 }, { dataset });
    const other = copy();
    await trainTiny({ runs: other.runs, resume: true, n_epochs: 4 }, { dataset });
    expect(outcomeOf(run)).toEqual(outcomeOf(other.run));
  });

  test('in a folder that was moved', async () => {
    const { runs, run } = copy();
    expect(configOf({ runs, resume: true })).toMatchObject({ runs, name: 'a', lr: 0.02, n_epochs: 3 });
    await trainTiny({ runs, resume: true, n_epochs: 4 }, { dataset });
    expect(figuresOf(run)).toHaveLength(5);
    expect(figuresOf(DONE)).toHaveLength(4);
  });

  test.each<[string, Partial<TrainConfig>, RegExp]>([
    ['another width', { width: 16 }, /another network: width was 8, now 16/],
    ['another dropout', { drop: 0.5 }, /another network: drop was 0\.2, now 0\.5/],
    ['another optimizer', { optimizer: 'sgd' }, /optimizer was sgd_nesterov, now sgd;/],
    ['an optimizer with an average', { optimizer: 'asgd' }, /optimizer was sgd_nesterov, now asgd;/],
    ['an average of the weights', { ema: 0.99 }, /ema was 0, now 0\.99;/],
    ['another seed', { seed: 5 }, /seed was 0, now 5/],
    ['another balance', { class_balance: 0.5 }, /class_balance was 0, now 0\.5/],
    ['other training images', { train: ['PrivateTest'] }, /train was Training, now PrivateTest/],
    ['another validation', { val: 'PrivateTest' }, /val was PublicTest, now PrivateTest/],
    ['other crops in validation', { eval_crops: 10 }, /eval_crops was 1, now 10/],
  ])('with %s is refused', async (_, settings, message) => {
    const { runs, run } = copy();
    const before = snapshot(run);
    await expect(trainTiny({ runs, resume: true, n_epochs: 4, ...settings }, { dataset })).rejects.toThrow(
      message,
    );
    expect(snapshot(run)).toEqual(before);
  });

  test('with other data is refused', async () => {
    const { runs, run } = copy();
    const before = snapshot(run);
    for (const other of [faces({}, 1), faces({ Training: 36 })]) {
      const attempt = trainTiny({ runs, resume: true, n_epochs: 4 }, { dataset: other });
      await expect(attempt).rejects.toThrow(
        /trained on other data \(synthetic, [0-9a-f]{12}; now synthetic, [0-9a-f]{12}\)/,
      );
    }
    expect(snapshot(run)).toEqual(before);
  });
});

describe('damage', () => {
  const change = (file: string, how: (content: string) => string): void =>
    writeFileSync(file, how(readFileSync(file, 'utf8')));

  test.each<[string, (run: string) => void, RegExp]>([
    [
      'a cut last',
      (run) => truncateSync(join(run, 'last.safetensors'), 1e6),
      /last\.safetensors is not a usable/,
    ],
    ['an empty last', (run) => truncateSync(join(run, 'last.safetensors'), 0), /it has 0 bytes/],
    [
      'a hostile header',
      (run) => writeFileSync(join(run, 'last.safetensors'), Buffer.alloc(64, 0xff)),
      /a header of 18446744073709551615 bytes/,
    ],
    [
      'a last that is no checkpoint',
      (run) => cpSync(join(run, 'best.safetensors'), join(run, 'last.safetensors')),
      /does not name its optimizer state/,
    ],
    ['no state', (run) => rmSync(join(run, STATE)), /state-3-0\.safetensors is missing, .*restore_epoch=/],
    ['a cut state', (run) => truncateSync(join(run, STATE), 5000), /state-3-0\.safetensors is not a usable/],
    [
      'a state without progress',
      (run) => writeSafetensors(join(run, STATE), readSafetensors(join(run, STATE)).tensors),
      /does not say how far the run was/,
    ],
    [
      'a state of another optimizer',
      (run) => writeSafetensors(join(run, STATE), {}, readSafetensors(join(run, STATE)).metadata),
      /has no "velocity" of \[\d+\]/,
    ],
    [
      'a missing tensor',
      (run) => {
        const { tensors, metadata } = readSafetensors(join(run, 'last.safetensors'));
        const { 'conv2a.bias': _, ...rest } = tensors;
        writeSafetensors(join(run, 'last.safetensors'), rest, metadata);
      },
      /has no tensor "conv2a\.bias"/,
    ],
    ['no config.json', (run) => rmSync(join(run, 'config.json')), /config\.json is missing/],
    [
      'a cut config.json',
      (run) => truncateSync(join(run, 'config.json'), 99),
      /config\.json is not valid JSON/,
    ],
    [
      'a config.json of null',
      (run) => writeFileSync(join(run, 'config.json'), 'null'),
      /does not say what data/,
    ],
    [
      'a config.json without its model',
      (run) => change(join(run, 'config.json'), (json) => json.replace('"model"', '"modal"')),
      /does not describe a model: "network" is undefined/,
    ],
    [
      'a config.json with a wrong value',
      (run) => change(join(run, 'config.json'), (json) => json.replace('"lr": 0.02', '"lr": "fast"')),
      /lr is "fast"; it must be a number > 0/,
    ],
  ])('%s is refused, and nothing is touched', async (_, damage, message) => {
    const { runs, run } = copy();
    damage(run);
    const before = snapshot(run);
    const attempt = async () => trainTiny({ runs, resume: true, n_epochs: 4 }, { dataset });
    await expect(attempt()).rejects.toThrow(message);
    expect(snapshot(run)).toEqual(before);
  });

  test('a path that is a file', async () => {
    writeFileSync(at('file'), '');
    for (const settings of [{ runs: at('file') }, { runs: folder.path, name: 'file' }]) {
      const attempt = async () => trainTiny(settings, { dataset });
      await expect(attempt()).rejects.toThrow(
        /cannot (make|read) the run folder .*(a part of the path is a file|exists)/,
      );
    }
  });
});
