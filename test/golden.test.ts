import { describe, expect, it } from 'vitest';
import type { Build } from '../src/engine/backend/wasm/module.ts';
import { WasmBackend } from '../src/engine/backend/wasm.ts';
import { sizeOf } from '../src/engine/tensor.ts';
import { buildsHere } from './backends.ts';
import {
  EVALUATION,
  errorOf,
  errorOfList,
  evaluate,
  GOLDEN,
  GRAPH,
  gradientScale,
  gradientsFrom,
  PARAMETERS,
  TRAINING,
  train,
} from './golden.ts';
import { differingDecisions } from './golden-decisions.ts';
import { ran } from './ran.ts';

/** float32 against PyTorch's float64, on the scale of each tensor's largest value. */
interface Errors {
  readonly logits: number;
  readonly statistics: number;
  readonly saliency: number;
  readonly gradients: number;
  /** Of the five losses, relative. */
  readonly losses: number;
  /** Of the parameters after five steps, on the scale of the way they went. */
  readonly parameters: number;
}

/** With the definition's convolutions. About three times what is reached. */
const DIRECT: Errors = {
  logits: 2e-5,
  statistics: 1e-6,
  saliency: 5e-6,
  gradients: 2e-5,
  losses: 1e-3,
  parameters: 3e-3,
};

/**
 * Winograd's rounding is several times larger, and among two million values some lie so near a tie that it
 * decides which side of a ReLU they are on, or which pixel of a window wins. One such decision moves a
 * whole gradient a little, and the steps after it; for equal decisions gradients are compared more closely.
 */
const WINOGRAD: Errors = {
  logits: 6e-5,
  statistics: 3e-6,
  saliency: 2e-5,
  gradients: 2e-3,
  losses: 6e-4,
  parameters: 1e-2,
};
const EQUAL_DECISIONS = 1.5e-4;
const NEAR_TIE = 2e-5;
const MOST_NEAR_TIES = 15;

type Evaluated = Awaited<ReturnType<typeof evaluate>>;
type Trained = Awaited<ReturnType<typeof train>>;

function errors(evaluated: Evaluated, trained: Trained): Errors {
  const worst = <T>(all: Readonly<Record<string, T>>, error: (name: string, expected: T) => number): number =>
    Math.max(...Object.entries(all).map(([name, expected]) => error(name, expected)));
  const saliency = GOLDEN.eval_input_gradient_of_top_score;
  return {
    logits: Math.max(
      errorOfList(evaluated.logits, GOLDEN.eval_logits.flat()),
      errorOfList(trained.logits, GOLDEN.train_logits.flat()),
    ),
    statistics: worst(GOLDEN.running_after_one_batch, (name, of) => errorOf(trained.statistics[name], of)),
    saliency: Math.max(
      errorOf(evaluated.inputGradient, saliency),
      errorOfList(evaluated.row, saliency.sample0_row20),
    ),
    gradients: Math.max(
      errorOf(trained.inputGradient, GOLDEN.input_gradient),
      worst(GOLDEN.gradients, (name, of) => errorOf(trained.gradients[name], of, gradientScale(name))),
    ),
    losses: Math.max(...GOLDEN.five_steps.losses.map((loss, i) => Math.abs(trained.losses[i] / loss - 1))),
    parameters: worst(GOLDEN.five_steps.parameters, (name, of) => {
      // Where hardly anything moved (the biases of convolutions), float32's own spacing is the measure.
      const scale = Math.max(trained.moved[name], 1e-4 * of.max_abs);
      return errorOf(trained.after[name], of, scale);
    }),
  };
}

function expectWithin(reached: Errors, limits: Errors): void {
  for (const what of Object.keys(limits) as (keyof Errors)[])
    expect(reached[what], what).toBeLessThan(limits[what]);
}

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
    const exact = await gradientsFrom(winograd.activations);
    for (const { name } of GRAPH.parameters) {
      const expected = await exact(name);
      const { offset } = PARAMETERS.gradient(name);
      let worst = 0;
      for (let i = 0; i < expected.length; i++) {
        worst = Math.max(worst, Math.abs(winograd.flatGradients[offset + i] - expected[i]));
      }
      expect(worst / gradientScale(name), name).toBeLessThan(EQUAL_DECISIONS);
    }
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
      for (const name of ['winograd.panel', 'winograd.panel.dx']) expect(named(name), name).toHaveLength(3);
      expect(named('winograd.dw.square')).toHaveLength(2);
    });
  });
});
