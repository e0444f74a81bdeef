import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { TrainConfig } from '../src/config.ts';
import { WasmBackend } from '../src/engine/backend/wasm.ts';
import { Interrupted } from '../src/errors.ts';
import { computeMetrics } from '../src/evaluate/metrics.ts';
import { Recognizer } from '../src/evaluate/recognizer.ts';
import { readSafetensors } from '../src/io/safetensors.ts';
import { readModel } from '../src/nn/model.ts';
import { temporaryFolder } from './dataFiles.ts';
import { faces, figuresOf, outcomeOf, tensorsOf, trainTiny } from './training.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const at = (...names: string[]): string => join(folder.path, ...names);
const dataset = faces();

type Settings = Partial<TrainConfig>;
/** An ingredient, and what else is set: the same with it and without it. */
const INGREDIENTS: Record<string, { ingredient: Settings; rest?: Settings }> = {
  asgd: { ingredient: { asgd_t0: 2 }, rest: { optimizer: 'asgd' } },
  adam: { ingredient: { optimizer: 'adam' }, rest: { lr: 1e-3 } },
  adam_amsgrad: { ingredient: { optimizer: 'adam_amsgrad' }, rest: { optimizer: 'adam', lr: 1e-3 } },
  adamw: { ingredient: { optimizer: 'adamw' }, rest: { optimizer: 'adam', lr: 1e-3 } },
  adadelta: { ingredient: { optimizer: 'adadelta' }, rest: { lr: 0.3 } },
  adagrad: { ingredient: { lr_decay: 0.1 }, rest: { optimizer: 'adagrad' } },
  ema: { ingredient: { ema: 0.9 } },
  mixup: { ingredient: { mixup: 0.4 }, rest: { label_smoothing: 0.1 } },
  cutmix: { ingredient: { cutmix: 1 } },
  sam: { ingredient: { sam: 0.05 } },
  class_balance: { ingredient: { class_balance: 1 } },
  'mixup or cutmix, ten crops': { ingredient: { cutmix: 1 }, rest: { mixup: 0.4, crops: 10 } },
  'ema with adam, nothing else decayed': {
    ingredient: { no_decay: ['norm', 'bias'] },
    rest: { ema: 0.9, optimizer: 'adam', lr: 1e-3 },
  },
};

describe.each(Object.keys(INGREDIENTS))('%s', (name) => {
  const { ingredient, rest } = INGREDIENTS[name];

  test('interrupted and resumed, on one thread and on two: the same bits', async () => {
    const settings = { ...rest, ...ingredient, n_epochs: 2, save_freq: 1 };
    const whole = at(name, 'whole');
    await trainTiny({ ...settings, runs: whole, threads: 2 }, { dataset });
    const outcome = outcomeOf(join(whole, 'a'));
    for (const threads of [1, 2]) {
      const runs = at(name, `${threads}`);
      let steps = 0;
      // Within the first epoch and within the second, of three steps each.
      for (const stopAt of [1, 5, Number.POSITIVE_INFINITY]) {
        const attempt = trainTiny(
          { ...settings, runs, threads, resume: stopAt > 1 },
          { dataset, listener: { onStep: () => steps++ }, interrupted: () => steps >= stopAt },
        );
        if (stopAt < 6) await expect(attempt).rejects.toThrow(Interrupted);
        else await attempt;
      }
      expect(steps).toBe(6);
      expect(outcomeOf(join(runs, 'a'))).toEqual(outcome);
    }
  });

  test('changes the outcome', async () => {
    const without = at(name, 'without');
    await trainTiny({ ...rest, runs: without, n_epochs: 2 }, { dataset });
    expect(figuresOf(at(name, 'whole', 'a'))).not.toEqual(figuresOf(join(without, 'a')));
  });
});

describe('averaged weights', () => {
  const last = (runs: string) => tensorsOf(join(runs, 'a', 'last.safetensors'));

  test('asgd without its decay, before its average starts, is sgd', async () => {
    const [asgd, sgd] = [at('no decay'), at('sgd')];
    await trainTiny({ optimizer: 'asgd', asgd_lambd: 0, runs: asgd }, { dataset });
    await trainTiny({ optimizer: 'sgd', runs: sgd }, { dataset });
    expect(last(asgd)).toEqual(last(sgd));
    expect(figuresOf(join(asgd, 'a'))).toEqual(figuresOf(join(sgd, 'a')));
  });

  test('do not touch the training, and evaluate to the accuracy in the history', async () => {
    const [ema, plain] = [at('ema'), at('no ema')];
    const settings = { lr: 0.02, n_epochs: 3 };
    const { history } = await trainTiny({ ...settings, runs: ema, ema: 0.8 }, { dataset });
    await trainTiny({ ...settings, runs: plain }, { dataset });
    const trained = (runs: string) => figuresOf(join(runs, 'a')).map((row) => row.slice(0, 4));
    expect(trained(ema)).toEqual(trained(plain));
    const lastOf = (runs: string) => readSafetensors(join(runs, 'a', 'last.safetensors'));
    for (const name of ['lin3.bias', 'bn1a.running_mean', 'bn1a.running_var']) {
      expect(lastOf(ema).tensors[name]).not.toEqual(lastOf(plain).tensors[name]);
    }
    // Weights that are no longer under training lie in the state, as the plain run has them.
    const under = readSafetensors(join(ema, 'a', lastOf(ema).metadata.state)).tensors;
    const held = new Set(under.statistics.data as Float32Array);
    for (const value of lastOf(plain).tensors['bn1a.running_mean'].data as Float32Array) {
      expect(held.has(value)).toBe(true);
    }

    const backend = await WasmBackend.create({ threads: 2 });
    const recognizer = new Recognizer(backend, readModel(join(ema, 'a', 'last.safetensors')), {
      crops: 1,
      batch: 20,
    });
    const pixels = dataset.size ** 2;
    const faces = [...dataset.splits.PublicTest];
    const logits = await recognizer.logits(
      Uint8Array.from(faces.flatMap((i) => [...dataset.images.subarray(i * pixels, (i + 1) * pixels)])),
    );
    await backend.close();
    const targets = Uint8Array.from(faces, (i) => dataset.targets[i]);
    const { accuracy, loss } = computeMetrics(logits, targets, dataset.labels);
    expect({ accuracy, loss }).toEqual({ accuracy: history[2].valAccuracy, loss: history[2].valLoss });
  });

  test('are in the files of weights, those under training in the state', async () => {
    const runs = at('files');
    await trainTiny({ optimizer: 'asgd', asgd_lambd: 0, asgd_t0: 0, runs, save_freq: 2 }, { dataset });
    const run = join(runs, 'a');
    expect(tensorsOf(join(run, 'epoch_2.safetensors'))).toEqual(last(runs));
    const sgd = at('sgd to compare');
    await trainTiny({ optimizer: 'sgd', runs: sgd }, { dataset });
    // The average does not touch the training.
    const trained = (runs: string) =>
      figuresOf(join(runs, 'a')).map(([, , loss, accuracy]) => [loss, accuracy]);
    expect(trained(runs)).toEqual(trained(sgd));
    expect(last(runs)).not.toEqual(last(sgd));
    const { state } = readSafetensors(join(run, 'last.safetensors')).metadata;
    const under = readSafetensors(join(run, state)).tensors;
    expect(Object.keys(under).sort()).toEqual(['parameters', 'statistics']);
    const bias = readSafetensors(join(sgd, 'a', 'last.safetensors')).tensors['lin3.bias']
      .data as Float32Array;
    const parameters = under.parameters.data as Float32Array;
    expect([...bias].every((value) => parameters.includes(value))).toBe(true);
  });
});
