import { expect } from 'vitest';
import {
  errorOf,
  errorOfList,
  type evaluate,
  GOLDEN,
  GRAPH,
  gradientScale,
  type gradientsFrom,
  PARAMETERS,
  STEPS,
  type train,
} from './golden.ts';

/** float32 against PyTorch's float64, on the scale of each tensor's largest value. */
export interface Errors {
  readonly logits: number;
  readonly statistics: number;
  readonly saliency: number;
  readonly gradients: number;
  /** Of the loss of each step, relative. */
  readonly losses: number;
  /** Of the parameters after five steps, on the scale of the way they went; NaN after fewer. */
  readonly parameters: number;
}

/** With the definition's convolutions. About three times what is reached. */
export const DIRECT: Errors = {
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
export const WINOGRAD: Errors = {
  logits: 6e-5,
  statistics: 3e-6,
  saliency: 2e-5,
  gradients: 2e-3,
  losses: 6e-4,
  parameters: 1e-2,
};
const EQUAL_DECISIONS = 1.5e-4;

type Evaluated = Awaited<ReturnType<typeof evaluate>>;
export type Trained = Awaited<ReturnType<typeof train>>;

export function errors(evaluated: Evaluated, trained: Trained): Errors {
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
    losses: Math.max(...trained.losses.map((loss, i) => Math.abs(loss / GOLDEN.five_steps.losses[i] - 1))),
    parameters: worst(GOLDEN.five_steps.parameters, (name, of) => {
      if (trained.losses.length < STEPS) return Number.NaN;
      // Where hardly anything moved (the biases of convolutions), float32's own spacing is the measure.
      const scale = Math.max(trained.moved[name], 1e-4 * of.max_abs);
      return errorOf(trained.after[name], of, scale);
    }),
  };
}

export function expectWithin(reached: Errors, limits: Partial<Errors>): void {
  for (const what of Object.keys(limits) as (keyof Errors)[])
    expect(reached[what], what).toBeLessThan(limits[what] as number);
}

/** Expects the gradients of the first step to be those of `exact`, which took the same decisions. */
export async function expectGradients(
  trained: Trained,
  exact: Awaited<ReturnType<typeof gradientsFrom>>,
): Promise<void> {
  for (const { name } of GRAPH.parameters) {
    const expected = await exact(name);
    const { offset } = PARAMETERS.gradient(name);
    let worst = 0;
    for (let i = 0; i < expected.length; i++) {
      worst = Math.max(worst, Math.abs(trained.flatGradients[offset + i] - expected[i]));
    }
    expect(worst / gradientScale(name), name).toBeLessThan(EQUAL_DECISIONS);
  }
}
