import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { TrainConfig } from '../src/config.ts';
import { ReferenceBackend } from '../src/engine/backend/reference.ts';
import { WasmBackend } from '../src/engine/backend/wasm.ts';
import { buildsHere } from './backends.ts';
import { temporaryFolder } from './dataFiles.ts';
import { faces, outcomeOf, tensorsOf, trainTiny, validationOf } from './training.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const at = (...names: string[]): string => join(folder.path, ...names);

const builds = await buildsHere();

describe('same seed, same bits', () => {
  test.each(builds)('for 1, 2 and 3 threads, %s build', async (build) => {
    const outcomes = [];
    for (const threads of [1, 2, 3]) {
      const backend = await WasmBackend.create({ threads, build });
      expect(backend).toMatchObject({ threads, build });
      const runs = at(`${build} ${threads}`);
      await trainTiny({ runs, label_smoothing: 0.1 }, { dataset: faces(), backend });
      await trainTiny(
        { runs, name: 'ten', crops: 10, eval_crops: 10, n_epochs: 1 },
        { dataset: faces({ Training: 19 }), backend },
      );
      await backend.close();
      outcomes.push([outcomeOf(join(runs, 'a')), outcomeOf(join(runs, 'ten'))]);
    }
    expect(outcomes[1]).toEqual(outcomes[0]);
    expect(outcomes[2]).toEqual(outcomes[0]);
  });

  test('two trainings in one backend do not disturb each other', async () => {
    const backend = await WasmBackend.create({ threads: 2 });
    await trainTiny({ runs: at('shared'), name: 'first' }, { dataset: faces({ Training: 20 }), backend });
    await trainTiny({ runs: at('shared'), name: 'a' }, { dataset: faces(), backend });
    await backend.close();
    await trainTiny({ runs: at('alone') }, { dataset: faces() });
    expect(outcomeOf(at('shared', 'a'))).toEqual(outcomeOf(at('alone', 'a')));
  });
});

test('another seed, other weights', async () => {
  const weights = [];
  for (const seed of [0, 1]) {
    const runs = at(`seed ${seed}`);
    await trainTiny({ runs, seed, n_epochs: 1 }, { dataset: faces() });
    weights.push(tensorsOf(join(runs, 'a', 'last.safetensors')));
  }
  for (const name of ['conv1a.weight', 'lin3.bias', 'bn4b.running_mean']) {
    expect(weights[0][name]).not.toBe(weights[1][name]);
  }
});

test.each<Partial<TrainConfig>>([
  {},
  { optimizer: 'adamw', no_decay: ['norm', 'bias'], mixup: 1, ema: 0.9, label_smoothing: 0.1 },
  { optimizer: 'asgd', asgd_t0: 0, cutmix: 1 },
  { sam: 0.1, mixup: 1 },
])('the fast backends train as the definition does: %j', async (given) => {
  const dataset = faces({ Training: 3, PublicTest: 2 });
  const settings = { bs: 2, n_epochs: 1, lr: 0.001, ...given };
  const histories = [];
  for (const open of [
    () => new ReferenceBackend(),
    ...builds.map((build) => () => WasmBackend.create({ threads: 2, build })),
  ]) {
    const backend = await open();
    const runs = at(JSON.stringify(given).replaceAll(/\W+/g, ' '), `${histories.length}`);
    const { history } = await trainTiny({ ...settings, runs }, { dataset, backend });
    await backend.close();
    histories.push(history);
  }
  const [expected, ...others] = histories;
  expect(others).toHaveLength(builds.length);
  for (const history of others) {
    const [found, wanted] = [validationOf(history), validationOf(expected)];
    history.forEach((row, i) => {
      expect(row.trainLoss).toBeCloseTo(expected[i].trainLoss, 4);
      expect(found.losses[i]).toBeCloseTo(wanted.losses[i], 4);
    });
  }
});
