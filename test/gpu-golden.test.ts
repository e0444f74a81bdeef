import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WebGpuBackend } from '../src/engine/backend/webgpu.ts';
import { EVALUATION, evaluate, gradientsFrom, TRAINING, train } from './golden.ts';
import { errors, expectGradients, expectWithin, type Trained, WINOGRAD } from './golden-errors.ts';
import { hasGpu, openGpu } from './gpu.ts';
import { ran } from './ran.ts';

/** A step takes long in software: the second loss shows the update, and the CPU's tests look at what follows. */
const STEPS = 2;
const { parameters: _, ...LIMITS } = WINOGRAD;

describe.runIf(hasGpu)('the network of the paper on a GPU', () => {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    backend = await openGpu();
    ran(`golden run: ${backend.describe()}`);
  });
  afterAll(() => backend.close());

  let trained: Trained;

  it('computes what PyTorch computes, within the bounds of the CPU', { timeout: 1_200_000 }, async () => {
    const evaluated = await evaluate(backend);
    trained = await train(backend, STEPS);
    expectWithin(errors(evaluated, trained), LIMITS);
  });

  it('has the gradients of float64 for the same decisions', { timeout: 120_000 }, async () => {
    await expectGradients(trained, await gradientsFrom(trained.activations));
  });

  it('takes Winograd for all convolutions but the first', () => {
    const kernels = [EVALUATION.forward, TRAINING.backward].flatMap((calls) =>
      backend.compile(calls).launches.map(({ dispatch }) => dispatch.kernel),
    );
    const count = (name: string): number => kernels.filter((kernel) => kernel === name).length;
    for (const name of ['winograd.gemm', 'winograd.gemm.dx', 'winograd.dw.gemm'])
      expect(count(name), name).toBe(7);
    expect(count('conv.first')).toBe(1);
    expect(kernels.filter((kernel) => kernel.startsWith('conv.direct'))).toEqual([]);
  });
});
