import { describe, expect, it } from 'vitest';
import { ReferenceBackend } from '../src/engine/backend/reference.ts';
import { errorOf, errorOfList, evaluate, GOLDEN, GRAPH, gradientScale, PARAMETERS, train } from './golden.ts';
import { ran } from './ran.ts';

/** float64 against float64. */
const TOLERANCE = 1e-9;

describe('the network of the paper on reference, against PyTorch in float64', () => {
  const backend = new ReferenceBackend();
  ran(`golden run: ${backend.describe()}`);
  let evaluated: Awaited<ReturnType<typeof evaluate>>;
  let trained: Awaited<ReturnType<typeof train>>;

  it('has 29,890,759 parameters, named as in the state_dict', () => {
    expect(PARAMETERS.count).toBe(29_890_759);
    expect(new Set(PARAMETERS.state.map(([name]) => name))).toEqual(new Set(GOLDEN.parameter_order));
    for (const { name, shape } of GRAPH.parameters) expect(shape).toEqual(GOLDEN.gradients[name].shape);
  });

  it('evaluates to the same logits and saliency', { timeout: 120_000 }, async () => {
    evaluated = await evaluate(backend);
    expect(errorOfList(evaluated.logits, GOLDEN.eval_logits.flat())).toBeLessThan(TOLERANCE);
    const saliency = GOLDEN.eval_input_gradient_of_top_score;
    expect(errorOf(evaluated.inputGradient, saliency)).toBeLessThan(TOLERANCE);
    expect(errorOfList(evaluated.row, saliency.sample0_row20)).toBeLessThan(TOLERANCE);
  });

  it('trains five Nesterov steps with the same losses and parameters', { timeout: 400_000 }, async () => {
    trained = await train(backend);
    expect(trained.losses[0]).toBeCloseTo(GOLDEN.train_loss, 12);
    for (const [i, loss] of GOLDEN.five_steps.losses.entries()) {
      expect(Math.abs(trained.losses[i] / loss - 1)).toBeLessThan(TOLERANCE);
    }
    for (const [name, expected] of Object.entries(GOLDEN.five_steps.parameters)) {
      expect(errorOf(trained.after[name], expected, trained.moved[name]), name).toBeLessThan(TOLERANCE);
    }
  });

  it('has the same training logits, running statistics and gradients in the first step', () => {
    expect(errorOfList(trained.logits, GOLDEN.train_logits.flat())).toBeLessThan(TOLERANCE);
    for (const [name, expected] of Object.entries(GOLDEN.running_after_one_batch)) {
      expect(errorOf(trained.statistics[name], expected), name).toBeLessThan(TOLERANCE);
    }
    for (const [name, expected] of Object.entries(GOLDEN.gradients)) {
      expect(errorOf(trained.gradients[name], expected, gradientScale(name)), name).toBeLessThan(TOLERANCE);
    }
    expect(errorOf(trained.inputGradient, GOLDEN.input_gradient)).toBeLessThan(TOLERANCE);
  });
});
