import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TrainConfig } from '../src/config.ts';
import type { Dataset } from '../src/data/dataset.ts';
import { Interrupted, UsageError } from '../src/errors.ts';
import { readSafetensors } from '../src/io/safetensors.ts';
import { RunFolder } from '../src/train/runFolder.ts';
import { teachersOf } from '../src/train/source.ts';
import { fer } from './commands.ts';
import { temporaryFolder } from './dataFiles.ts';
import { configOf, faces, outcomeOf, snapshot, tensorsOf, trainTiny } from './training.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const at = (...names: string[]): string => join(folder.path, ...names);

const dataset = faces();
/** The same pictures, with the label of every training image another one. */
const mislabelled: Dataset = {
  ...dataset,
  targets: dataset.targets.map((target, n) =>
    dataset.splits.Training.includes(n) ? (target + 1) % dataset.labels.length : target,
  ),
};
/** Of another width than its student. */
const TEACHER = at('teacher', 'a');
/** Weights of it that are not its best. */
let worse: string;
beforeAll(async () => {
  const { best } = await trainTiny(
    { runs: at('teacher'), width: 16, n_epochs: 3, save_freq: 1 },
    { dataset },
  );
  worse = join(TEACHER, `epoch_${best.epoch === 1 ? 2 : 1}.safetensors`);
});

const last = (runs: string) => tensorsOf(join(runs, 'a', 'last.safetensors'));

/** The last weights of a run with these settings. */
async function weightsOf(name: string, settings: Partial<TrainConfig>, of = dataset) {
  await trainTiny({ runs: at(name), teacher: TEACHER, ...settings }, { dataset: of });
  return last(at(name));
}

/** A layer's weights after a single step. */
async function valuesOf(name: string, teacher: string): Promise<Float32Array> {
  const settings = { runs: at(name), teacher, optimizer: 'sgd', n_epochs: 1, bs: 64, lr: 1 } as const;
  await trainTiny({ ...settings, weight_decay: 0, drop: 0 }, { dataset });
  const { tensors } = readSafetensors(join(at(name), 'a', 'last.safetensors'));
  return Float32Array.from(tensors['lin3.weight'].data as Float32Array);
}

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])));
}

describe('a teacher', () => {
  test('with all of the gradient leaves no part to the labels', async () => {
    const alone = await weightsOf('alone', { teacher_share: 1 });
    expect(await weightsOf('alone, mislabelled', { teacher_share: 1 }, mislabelled)).toEqual(alone);
    const half = await weightsOf('half', { teacher_share: 0.5 });
    expect(half).not.toEqual(alone);
    expect(await weightsOf('half, mislabelled', { teacher_share: 0.5 }, mislabelled)).not.toEqual(half);
  });

  test('is heard: another one, another temperature or none gives other weights', async () => {
    const first = await weightsOf('first', {});
    expect(await weightsOf('first again', { threads: 1 })).toEqual(first);
    const others = [{ teacher: worse }, { teacher_temperature: 4 }, { teacher: '' }, { mixup: 1 }];
    for (const [i, settings] of others.entries()) {
      expect(await weightsOf(`other ${i}`, settings)).not.toEqual(first);
    }
  });

  test('may be several, which have the same say in either order, near enough', async () => {
    const best = join(TEACHER, 'best.safetensors');
    const twice = await valuesOf('twice', `${best}+${best}`);
    expect(distance(twice, await valuesOf('once', best))).toBeLessThan(1e-5);
    const both = await valuesOf('both', `${best}+${worse}`);
    expect(distance(both, await valuesOf('both, turned', `${worse}+${best}`))).toBeLessThan(1e-5);
    const [first, second] = [twice, await valuesOf('the other', worse)];
    expect(distance(both, first)).toBeGreaterThan(1e-4);
    expect(distance(both, second)).toBeGreaterThan(1e-4);
    // After one step of plain SGD: the mean of what each alone does.
    const mean = first.map((value, i) => (value + second[i]) / 2);
    expect(distance(both, mean)).toBeLessThan(1e-5);
    expect(new RunFolder(at('both'), 'a').readRecord().teachers?.map(({ file }) => file)).toEqual([
      best,
      worse,
    ]);
  });

  test('is enough to learn from where no label is true', async () => {
    const pictures = faces({ Training: 280, PublicTest: 70 });
    const { Training } = pictures.splits;
    const wrong = Uint8Array.from(pictures.targets);
    for (const n of Training) wrong[n] = (wrong[n] + 1 + (n % 6)) % 7;
    const settings = { lr: 0.02, n_epochs: 10, augment: false } as const;
    const taught = await trainTiny({ ...settings, runs: at('good') }, { dataset: pictures });
    const pupil = { ...settings, runs: at('pupil'), teacher: at('good', 'a'), teacher_share: 1 };
    const { best } = await trainTiny(pupil, { dataset: { ...pictures, targets: wrong } });
    expect(taught.best.valAccuracy).toBeGreaterThan(0.4);
    expect(best.valAccuracy).toBeGreaterThan(0.4);
    expect(best.trainAccuracy).toBeLessThan(0.2);
  }, 180_000);

  test('is the same after a stop, to the bit', async () => {
    const settings = { teacher: TEACHER, augment: true, mixup: 0.2, ema: 0.9 };
    await trainTiny({ ...settings, runs: at('unbroken') }, { dataset });
    let steps = 0;
    const stopped = trainTiny(
      { ...settings, runs: at('broken'), threads: 1 },
      { dataset, listener: { onStep: () => steps++ }, interrupted: () => steps === 2 },
    );
    await expect(stopped).rejects.toThrow(Interrupted);
    await trainTiny({ runs: at('broken'), resume: true }, { dataset });
    expect(outcomeOf(at('broken', 'a'))).toEqual(outcomeOf(at('unbroken', 'a')));
    const { teachers } = new RunFolder(at('broken'), 'a').readRecord();
    expect(teachers?.map(({ file }) => file)).toEqual([join(TEACHER, 'best.safetensors')]);
  });

  test('that changed or went in between is told, and another one is taken when asked for', async () => {
    const teacher = at('changing');
    cpSync(TEACHER, teacher, { recursive: true });
    const runs = at('goes on');
    await trainTiny({ runs, teacher, n_epochs: 1 }, { dataset });
    const before = snapshot(join(runs, 'a'));
    cpSync(worse, join(teacher, 'best.safetensors'));
    const resumed = { runs, resume: true, n_epochs: 2 } as const;
    await expect(trainTiny(resumed, { dataset })).rejects.toThrow(
      /best\.safetensors has changed since the run learned from it .*restore it/,
    );
    rmSync(teacher, { recursive: true });
    await expect(trainTiny(resumed, { dataset })).rejects.toThrow(/there is no model at .*as in teacher=/);
    expect(snapshot(join(runs, 'a'))).toEqual(before);
    await trainTiny({ ...resumed, teacher: TEACHER }, { dataset });
    expect(new RunFolder(runs, 'a').readRecord().train.teacher).toBe(TEACHER);
  });

  test('in a folder with a + in its name is one; of several, the one that is missing is told with all', () => {
    const plus = at('wide+deep');
    cpSync(TEACHER, plus, { recursive: true });
    expect(teachersOf({ teacher: plus })).toEqual([plus]);
    expect(teachersOf({ teacher: `${TEACHER}+${worse}` })).toEqual([TEACHER, worse]);
    expect(teachersOf({ teacher: '' })).toEqual([]);
    expect(configOf({ runs: at('none'), teacher: plus }).teacher).toBe(plus);
    const both = `${TEACHER}+${at('nowhere')}`;
    expect(() => configOf({ runs: at('none'), teacher: both })).toThrow(
      `teacher=${both}: there is no model at ${at('nowhere')}: give a run folder, as in teacher=runs/my_vgg`,
    );
  });

  test('that will not do is told before anything is written', async () => {
    const refused = (settings: Partial<TrainConfig>, message: RegExp) =>
      expect(() => configOf({ runs: at('none'), ...settings })).toThrow(message);
    refused({ teacher: at('nowhere') }, /there is no model at .*nowhere: give a run folder, as in teacher=/);
    refused(
      { runs: at('teacher'), teacher: TEACHER, overwrite: true },
      /lies in the folder of the run itself/,
    );
    expect(() => configOf({ runs: at('none'), teacher: TEACHER, teacher_share: 0 })).toThrow(UsageError);
    const labels = [...dataset.labels].reverse();
    const attempt = trainTiny({ runs: at('none'), teacher: TEACHER }, { dataset: { ...dataset, labels } });
    await expect(attempt).rejects.toThrow(/apart, and the data has .*: choose a teacher of the same labels/);
    expect(existsSync(at('none'))).toBe(false);
  });

  test('on the command line, and in the card of what it taught', async () => {
    const where = ['data=synthetic:60', `runs=${folder.path}`, 'name=taught', 'bs=16', 'threads=2'];
    const size = ['n_epochs=1', 'eval_crops=1', 'curves=false'];
    const made = await fer('train', `teacher=${TEACHER}`, `from=${TEACHER}`, ...where, ...size);
    expect(made).toMatchObject({ code: 0 });
    const out = at('card');
    expect(await fer('export', `model=${at('taught')}`, `out=${out}`)).toMatchObject({ code: 0 });
    const [, first, learns, starts, own, ...rest] = readFileSync(join(out, 'command.txt'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(rest).toEqual([]);
    expect(first).toMatch(/^fer train .*n_epochs=3/);
    expect(learns).toMatch(/learns the answers of teacher\/a\/best\.safetensors, SHA-256 [0-9a-f]{64}$/);
    expect(starts).toMatch(/starts from teacher\/a\/best\.safetensors, SHA-256 [0-9a-f]{64}$/);
    expect(own).toMatch(
      /^fer train .*from=teacher\/a teacher=teacher\/a teacher_share=0\.5 teacher_temperature=2/,
    );
    expect(readFileSync(join(out, 'README.md'), 'utf8')).toMatch(/\| `teacher` +\| +teacher\/a \|/);
  });
});
