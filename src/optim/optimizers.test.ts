import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Candidate, closeBackends, openBackends } from '../../test/backends.ts';
import { ReferenceBackend } from '../engine/backend/reference.ts';
import { Graph } from '../engine/graph.ts';
import { Parameters } from '../engine/parameters.ts';
import { createOptimizer } from './optimizers.ts';

const { optimizers } = JSON.parse(
  readFileSync(new URL('../../test/reference/optimizers.json', import.meta.url), 'utf8'),
);

/** The file's hash: uniform in ±½. */
function u(i: number, s: number): number {
  let x = (Math.imul(i, 2654435761) + Math.imul(s, 97531)) >>> 0;
  x = Math.imul(x ^ (x >>> 15), 2246822519) >>> 0;
  return ((x ^ (x >>> 13)) >>> 0) / 2 ** 32 - 0.5;
}
const values = (s: number, scale = 1): number[] => Array.from({ length: 8 }, (_, i) => scale * u(i, s));

let candidates: Candidate[];
beforeAll(async () => {
  candidates = [
    { family: 'reference', backend: new ReferenceBackend() },
    ...(await openBackends({ threads: [1, 3] })),
  ];
});
afterAll(() => closeBackends(candidates));

describe('25 steps equal those of PyTorch', () => {
  test.each(['sgd', 'sgd_momentum', 'sgd_nesterov'] as const)('%s', async (optimizer) => {
    const { trajectory, defaults } = optimizers[optimizer];
    expect(candidates.length).toBeGreaterThan(1);
    for (const { backend, family } of candidates) {
      // Eight parameters, though a network of one layer has a few more.
      const graph = new Graph();
      graph.linear('layer', graph.flatten(graph.input(2)), 2);
      const parameters = new Parameters(graph);
      // momentum stays at its default with plain sgd, which must not look at it.
      const made = createOptimizer(parameters, {
        optimizer,
        momentum: 0.9,
        weight_decay: defaults.weight_decay,
      });
      const program = backend.compile(made.calls);
      backend.write(parameters.values, values(1950));
      backend.write(made.hyper, made.hyperValues(defaults.lr));
      for (const [t, expected] of trajectory.entries()) {
        backend.write(parameters.gradients, values(1960 + t, 1 + 0.1 * t));
        backend.run(program);
        const actual = Array.from((await backend.read(parameters.values)).subarray(0, 8));
        const error = Math.max(...actual.map((value, i) => Math.abs(value - expected[i])));
        expect(error).toBeLessThan(family === 'reference' ? 1e-9 : 2e-6);
      }
    }
  });
});

test('the memory of an optimizer is all that its next step needs', async () => {
  for (const { backend } of candidates) {
    const graph = new Graph();
    graph.linear('layer', graph.flatten(graph.input(2)), 2);
    const run = async (from: number, to: number, saved?: ArrayLike<number>[]) => {
      const parameters = new Parameters(graph);
      const made = createOptimizer(parameters, { optimizer: 'sgd_nesterov', momentum: 0.9, weight_decay: 0 });
      const state = [parameters.values, ...made.state.values()];
      const program = backend.compile(made.calls);
      backend.write(made.hyper, made.hyperValues(0.1));
      backend.write(parameters.values, values(1));
      saved?.forEach((content, i) => {
        backend.write(state[i], content);
      });
      for (let t = from; t < to; t++) {
        backend.write(parameters.gradients, values(2 + t));
        backend.run(program);
      }
      return Promise.all(state.map((tensor) => backend.read(tensor)));
    };
    expect(await run(3, 6, await run(0, 3))).toEqual(await run(0, 6));
  }
});
