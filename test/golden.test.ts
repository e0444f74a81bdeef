import { describe, expect, it } from 'vitest';
import type { Build } from '../src/engine/backend/wasm/module.ts';
import { WasmBackend } from '../src/engine/backend/wasm.ts';
import { sizeOf } from '../src/engine/tensor.ts';
import { buildsHere } from './backends.ts';
import { EVALUATION, evaluate, gradientsFrom, TRAINING, train } from './golden.ts';
import { differingDecisions } from './golden-decisions.ts';
import { DIRECT, errors, expectGradients, expectWithin, type Trained, WINOGRAD } from './golden-errors.ts';
import { ran } from './ran.ts';

const NEAR_TIE = 2e-5;
const MOST_NEAR_TIES = 15;

describe.each(await buildsHere())('the network of the paper on wasm, %s build', (build: Build) => {
  const on = async <T>(
    options: { threads: number; direct?: boolean },
    use: (backend: WasmBackend) => Promise<T>,
  ): Promise<T> => {
    const backend = await WasmBackend.create({ ...options, build });
    ran(`golden run: ${backend.describe()}${options.direct ? ', direct convolutions' : ''}`);
    try {
      return await use(backend);
    } finally {
      await backend.close();
    }
  };
  const both = async (backend: WasmBackend) => ({
    evaluated: await evaluate(backend),
    trained: await train(backend),
  });
  let direct: Trained;
  let winograd: Trained;
  let bits: string;

  it('computes what PyTorch computes, with direct convolutions', { timeout: 120_000 }, async () => {
    const { evaluated, trained } = await on({ threads: 2, direct: true }, both);
    expectWithin(errors(evaluated, trained), DIRECT);
    direct = trained;
  });

  it('computes what PyTorch computes, with Winograd', { timeout: 120_000 }, async () => {
    const { evaluated, trained } = await on({ threads: 2 }, both);
    expectWithin(errors(evaluated, trained), WINOGRAD);
    winograd = trained;
    bits = `${evaluated.bits} ${trained.bits}`;
  });

  it('has the gradients of float64 for the same decisions', { timeout: 120_000 }, async () => {
    await expectGradients(winograd, await gradientsFrom(winograd.activations));
  });

  it('decides otherwise only where it is nearly a tie', () => {
    const { count, of, margin } = differingDecisions(winograd.activations, direct.activations);
    expect(of).toBeGreaterThan(2e6);
    expect(margin).toBeLessThan(NEAR_TIE);
    expect(count).toBeLessThan(MOST_NEAR_TIES);
  });

  it('gives the same bits on one thread', { timeout: 120_000 }, async () => {
    const { evaluated, trained } = await on({ threads: 1 }, both);
    expect(`${evaluated.bits} ${trained.bits}`).toBe(bits);
  });

  it('takes Winograd for all convolutions but the first', async () => {
    await on({ threads: 1 }, async (backend) => {
      const entries = [
        ...backend.compile(EVALUATION.forward).entries,
        ...backend.compile(TRAINING.backward).entries,
      ];
      const named = (name: string) => entries.filter((entry) => entry.name === name);
      for (const name of ['conv.first', 'conv.first.dx', 'conv.first.dw'])
        expect(named(name), name).toHaveLength(1);
      expect(entries.filter(({ name }) => name.startsWith('conv.direct'))).toEqual([]);

      // 40, 20, 10 and 5 are whole tiles of 5x5: 49 products each instead of 225.
      const convolutions = TRAINING.forward.flatMap((one) =>
        one.kernel === 'conv3x3.forward' ? [one.args] : [],
      );
      expect(convolutions).toHaveLength(8);
      const products = convolutions.slice(1).map(({ x, w }) => (sizeOf(x.shape) * 9 * w.shape[0] * 49) / 225);
      // In blocks of tiles, or where kernels are large in panels and squares of them.
      const sum = (...names: string[]) =>
        names.flatMap(named).reduce((total, { multiplications }) => total + multiplications, 0);
      const all = products.reduce((total, each) => total + each, 0);
      expect(sum('winograd.conv', 'winograd.panel')).toBe(all);
      expect(sum('winograd.conv.dx', 'winograd.panel.dx')).toBe(all);
      expect(sum('winograd.dw.gemm', 'winograd.dw.square')).toBe(all);
      for (const name of ['winograd.panel', 'winograd.panel.dx']) expect(named(name), name).toHaveLength(4);
      expect(named('winograd.dw.square')).toHaveLength(2);
    });
  });
});
