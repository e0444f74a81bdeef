import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Candidate, closeBackends, openBackends } from '../../test/backends.ts';
import { candidate, hasGpu, openGpu } from '../../test/gpu.ts';
import { defaultsOf } from '../config/option.ts';
import { OPTIMIZERS, optimizerOptions, resolveTrainConfig, type TrainConfig } from '../config.ts';
import { ReferenceBackend } from '../engine/backend/reference.ts';
import type { Backend } from '../engine/backend.ts';
import { Graph } from '../engine/graph.ts';
import { HYPER } from '../engine/kernels.ts';
import { Parameters } from '../engine/parameters.ts';
import { createOptimizer, type OptimizerName, type OptimizerOptions } from './optimizers.ts';

interface Reference {
  readonly trajectory: readonly (readonly number[])[];
  readonly average?: readonly number[];
  readonly defaults: Readonly<Record<string, unknown>> & {
    readonly lr: number;
    readonly weight_decay: number;
  };
}
const { optimizers } = JSON.parse(
  readFileSync(new URL('../../test/reference/optimizers.json', import.meta.url), 'utf8'),
) as { optimizers: Record<Exclude<OptimizerName, 'adamw'>, Reference> };

/** The file's hash: uniform in ±½. */
function u(i: number, s: number): number {
  let x = (Math.imul(i, 2654435761) + Math.imul(s, 97531)) >>> 0;
  x = Math.imul(x ^ (x >>> 15), 2246822519) >>> 0;
  return ((x ^ (x >>> 13)) >>> 0) / 2 ** 32 - 0.5;
}
const values = (s: number, scale = 1): number[] => Array.from({ length: 8 }, (_, i) => scale * u(i, s));
const gradient = (t: number): number[] => values(1960 + t, 1 + 0.1 * t);
const STEPS = 25;

/** Settings as a training has them: everything at its default but what is given, and what PyTorch leaves to others. */
function optionsOf(given: Partial<OptimizerOptions> & Pick<OptimizerOptions, 'optimizer'>): OptimizerOptions {
  const plain = { no_decay: [], ema: 0 };
  return resolveTrainConfig({ ...defaultsOf(optimizerOptions), ...plain, ...given } as TrainConfig);
}

let candidates: Candidate[];
/** Of the comparison with PyTorch alone. */
let onGpu: Candidate[] = [];
beforeAll(async () => {
  candidates = [{ family: 'reference', backend: new ReferenceBackend() }, ...(await openBackends())];
  expect(candidates.length).toBeGreaterThan(3);
  if (hasGpu) onGpu = [candidate(await openGpu())];
});
afterAll(() => closeBackends([...candidates, ...onGpu]));

/** Eight parameters in float32 at least, though a network of one layer has a few more. */
function layer(): Graph {
  const graph = new Graph();
  graph.linear('layer', graph.flatten(graph.input(2)), 2);
  return graph;
}

/** The first eight parameters after each step, and their average in the end. */
async function trajectoryOf(backend: Backend, options: OptimizerOptions, lr: number) {
  const parameters = new Parameters(layer());
  const made = createOptimizer(parameters, options);
  const program = backend.compile(made.calls);
  backend.write(parameters.values, values(1950));
  const eight = async (of: Parameters) => Array.from((await backend.read(of.values)).subarray(0, 8));
  const trajectory: number[][] = [];
  for (let t = 0; t < STEPS; t++) {
    backend.write(made.hyper, made.hyperValues(lr, t));
    backend.write(parameters.gradients, gradient(t));
    backend.run(program);
    trajectory.push(await eight(parameters));
  }
  return { trajectory, average: made.averaged && (await eight(made.averaged)) };
}

/** In units of what may be: 1e-9 in float64, and 1e-5 of the largest value in float32. */
function errorOf(actual: readonly number[], expected: readonly number[], { family }: Candidate): number {
  const bound = family === 'reference' ? 1e-9 : 1e-5 * Math.max(...expected.map(Math.abs));
  return Math.max(...actual.map((value, i) => Math.abs(value - expected[i]))) / bound;
}

describe('25 steps equal those of PyTorch', () => {
  test.each(Object.keys(optimizers) as (keyof typeof optimizers)[])('%s', async (optimizer) => {
    const { trajectory, average, defaults } = optimizers[optimizer];
    expect(trajectory).toHaveLength(STEPS);
    const { lr, weight_decay, t0 } = defaults;
    // The reference starts the average early; all else must be our default, the momentum of plain sgd excepted.
    const options = optionsOf({
      optimizer,
      weight_decay,
      ...(typeof t0 === 'number' ? { asgd_t0: t0 } : {}),
    });
    for (const candidate of [...candidates, ...onGpu]) {
      const found = await trajectoryOf(candidate.backend, options, lr);
      for (const [t, expected] of trajectory.entries()) {
        expect(errorOf(found.trajectory[t], expected, candidate), candidate.family).toBeLessThan(1);
      }
      expect(found.average === undefined).toBe(average === undefined);
      if (found.average && average) expect(errorOf(found.average, average, candidate)).toBeLessThan(1);
    }
  });
});

describe('adamw', () => {
  // Algorithm 2 of Loshchilov & Hutter, arXiv 1711.05101, as PyTorch orders it.
  function formula(lr: number, decay: number): number[][] {
    const [beta1, beta2, eps] = [0.9, 0.999, 1e-8];
    let p = values(1950);
    let m = p.map(() => 0);
    let v = p.map(() => 0);
    return Array.from({ length: STEPS }, (_, t) => {
      const g = gradient(t);
      p = p.map((value) => value * (1 - lr * decay));
      m = m.map((value, i) => beta1 * value + (1 - beta1) * g[i]);
      v = v.map((value, i) => beta2 * value + (1 - beta2) * g[i] * g[i]);
      p = p.map((value, i) => {
        const mean = m[i] / (1 - beta1 ** (t + 1));
        const variance = v[i] / (1 - beta2 ** (t + 1));
        return value - (lr * mean) / (Math.sqrt(variance) + eps);
      });
      return p;
    });
  }

  test.each([
    [1e-3, 1e-2],
    [0.1, 0.5],
    [0.01, 0],
  ])('lr %d, weight decay %d', async (lr, weight_decay) => {
    const expected = formula(lr, weight_decay);
    for (const candidate of candidates) {
      const found = await trajectoryOf(
        candidate.backend,
        optionsOf({ optimizer: 'adamw', weight_decay }),
        lr,
      );
      for (const [t, at] of expected.entries()) {
        expect(errorOf(found.trajectory[t], at, candidate), candidate.family).toBeLessThan(1);
      }
    }
  });

  test('is adam where nothing decays', async () => {
    const [{ backend }] = candidates;
    const [adamw, adam] = await Promise.all(
      (['adamw', 'adam'] as const).map((optimizer) =>
        trajectoryOf(backend, optionsOf({ optimizer, weight_decay: 0 }), 0.01),
      ),
    );
    expect(adamw).toEqual(adam);
  });
});

describe('settings change the path', () => {
  test.each<[OptimizerName, Partial<OptimizerOptions>]>([
    ['sgd_momentum', { momentum: 0.5 }],
    ['sgd_nesterov', { weight_decay: 0.1 }],
    ['adam', { beta1: 0.5 }],
    ['adam', { beta2: 0.5 }],
    ['adamw', { eps: 0.1 }],
    ['adamw', { weight_decay: 0.1 }],
    ['adam_amsgrad', { beta2: 0.5 }],
    ['adadelta', { rho: 0.5 }],
    ['adadelta', { eps: 0.1 }],
    ['adagrad', { lr_decay: 0.1 }],
    ['adagrad', { eps: 0.1 }],
    ['asgd', { asgd_lambd: 0.1 }],
    ['asgd', { asgd_alpha: 3, asgd_lambd: 0.1 }],
  ])('%s, %j', async (optimizer, change) => {
    const [{ backend }] = candidates;
    const before = await trajectoryOf(backend, optionsOf({ optimizer }), 0.05);
    const after = await trajectoryOf(backend, optionsOf({ optimizer, ...change }), 0.05);
    expect(after.trajectory[2]).not.toEqual(before.trajectory[2]);
  });

  test('the average of asgd is the parameters themselves until step t0', async () => {
    for (const { backend } of candidates) {
      const early = await trajectoryOf(backend, optionsOf({ optimizer: 'asgd' }), 0.05);
      expect(early.average).toEqual(early.trajectory.at(-1));
      const late = await trajectoryOf(backend, optionsOf({ optimizer: 'asgd', asgd_t0: 5 }), 0.05);
      expect(late.trajectory).toEqual(early.trajectory);
      expect(late.average).not.toEqual(early.average);
    }
  });
});

describe('ema', () => {
  test.each(OPTIMIZERS.filter((name) => name !== 'asgd'))('of %s follows the formula', async (optimizer) => {
    for (const candidate of candidates) {
      const plain = await trajectoryOf(candidate.backend, optionsOf({ optimizer }), 0.05);
      expect(plain.average).toBeUndefined();
      for (const ema of [0.5, 0.9999]) {
        const found = await trajectoryOf(candidate.backend, optionsOf({ optimizer, ema }), 0.05);
        expect(found.trajectory).toEqual(plain.trajectory);
        const expected = plain.trajectory.reduce((average, at, t) => {
          const kept = Math.min(ema, (1 + t) / (10 + t));
          return average.map((value, i) => kept * value + (1 - kept) * at[i]);
        }, new Array(8).fill(0));
        expect(found.average).toBeDefined();
        expect(errorOf(found.average ?? [], expected, candidate)).toBeLessThan(1);
      }
    }
  });

  test('moves by little even where float32 would round the difference from 1', () => {
    const { hyperValues } = createOptimizer(
      new Parameters(layer()),
      optionsOf({ optimizer: 'sgd', ema: 0.99999 }),
    );
    expect(hyperValues(0.1, 1e7)[HYPER.average]).toBeCloseTo(1e-5, 12);
  });
});

test('the average takes the running statistics with it', async () => {
  const graph = new Graph();
  graph.linear('last', graph.flatten(graph.batchNorm('norm', graph.conv3x3('conv', graph.input(2), 8))), 2);
  const parameters = new Parameters(graph);
  const { averaged, calls, hyper, hyperValues } = createOptimizer(
    parameters,
    optionsOf({ optimizer: 'asgd', asgd_t0: 0 }),
  );
  expect(averaged?.state.map(([name]) => name)).toEqual(parameters.state.map(([name]) => name));
  for (const { backend } of candidates) {
    const program = backend.compile(calls);
    for (let t = 0; t < 4; t++) {
      backend.write(parameters.statistic('norm.running_mean'), new Float32Array(8).fill(t));
      backend.write(hyper, hyperValues(0.1, t));
      backend.run(program);
    }
    // Steps 2, 3 and 4 with shares of 1, 1/2 and 1/3: their mean.
    const mean = await backend.read((averaged as Parameters).statistic('norm.running_mean'));
    mean.forEach((value) => {
      expect(value).toBeCloseTo(2, 6);
    });
  }
});

describe('no_decay', () => {
  const graph = new Graph();
  graph.linear('last', graph.flatten(graph.batchNorm('norm', graph.conv3x3('conv', graph.input(2), 8))), 2);
  const GROUPS: Record<string, readonly string[]> = {
    weight: ['conv.weight', 'last.weight'],
    bias: ['conv.bias', 'last.bias'],
    norm: ['norm.weight', 'norm.bias'],
  };

  /** The names of the parameters that a step without gradient moves. */
  async function decayed(backend: Backend, options: OptimizerOptions): Promise<string[]> {
    const parameters = new Parameters(graph);
    const made = createOptimizer(parameters, options);
    backend.write(parameters.values, new Float32Array(parameters.values.shape[0]).fill(1));
    backend.write(made.hyper, made.hyperValues(0.1, 0));
    backend.run(backend.compile(made.calls));
    const moved: string[] = [];
    for (const { name } of graph.parameters) {
      const found = Array.from(await backend.read(parameters.value(name)));
      expect(new Set(found).size).toBe(1);
      if (found[0] !== 1) moved.push(name);
    }
    return moved.sort();
  }

  test.each(OPTIMIZERS)('%s leaves what it names alone, and nothing else', async (optimizer) => {
    // ASGD shrinks every parameter a little as well.
    const options = { optimizer, weight_decay: 0.1, asgd_lambd: 0 };
    for (const { backend } of candidates) {
      for (const no_decay of [[], ['norm'], ['bias'], ['bias', 'norm'], ['norm', 'bias']] as const) {
        const rest = Object.keys(GROUPS).filter((name) => !no_decay.some((other) => other === name));
        expect(await decayed(backend, optionsOf({ ...options, no_decay }))).toEqual(
          rest.flatMap((name) => GROUPS[name]).sort(),
        );
      }
    }
  });

  test('keeps the decay of asgd itself', async () => {
    const options = optionsOf({ optimizer: 'asgd', weight_decay: 0, asgd_lambd: 0.1, no_decay: ['norm'] });
    expect(await decayed(candidates[0].backend, options)).toEqual(Object.values(GROUPS).flat().sort());
  });

  test('parameters that are treated alike are one call', () => {
    const callsOf = (no_decay: OptimizerOptions['no_decay']) =>
      createOptimizer(new Parameters(graph), optionsOf({ optimizer: 'adam', no_decay })).calls.length;
    expect([callsOf([]), callsOf(['norm']), callsOf(['bias', 'norm']), callsOf(['bias'])]).toEqual([
      1, 2, 2, 3,
    ]);
  });
});

test.each(OPTIMIZERS)('the memory of %s is all that its next step needs', async (optimizer) => {
  for (const { backend } of candidates) {
    const run = async (from: number, to: number, saved?: ArrayLike<number>[]) => {
      const parameters = new Parameters(layer());
      const made = createOptimizer(parameters, optionsOf({ optimizer, asgd_t0: 2, lr_decay: 0.1 }));
      const { averaged } = made;
      const state = [parameters.values, ...(averaged ? [averaged.values] : []), ...made.state.values()];
      const program = backend.compile(made.calls);
      backend.write(parameters.values, values(1));
      saved?.forEach((content, i) => {
        backend.write(state[i], content);
      });
      for (let t = from; t < to; t++) {
        backend.write(made.hyper, made.hyperValues(0.1, t));
        backend.write(parameters.gradients, values(2 + t));
        backend.run(program);
      }
      return Promise.all(state.map((tensor) => backend.read(tensor)));
    };
    expect(await run(3, 6, await run(0, 3))).toEqual(await run(0, 6));
  }
});

test('without momentum there is nothing to remember', () => {
  for (const optimizer of ['sgd', 'asgd'] as const) {
    expect([...createOptimizer(new Parameters(layer()), optionsOf({ optimizer })).state]).toEqual([]);
  }
});
