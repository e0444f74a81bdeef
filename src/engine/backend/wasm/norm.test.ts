import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Candidate, closeBackends, openBackends } from '../../../../test/backends.ts';
import { checkCall, operand, randomValues } from '../../../../test/check-ops.ts';
import { call } from '../../kernels.ts';

const EPS = 1e-5;

/** [N, H, W, C]: two pixels, a block of 128 and one less and more, several blocks; channels in and out of step with a cache line. */
const SHAPES: readonly (readonly number[])[] = [
  [2, 1, 1, 4],
  [1, 1, 3, 8],
  [1, 127, 1, 12],
  [2, 8, 8, 16],
  [1, 3, 43, 20],
  [3, 10, 10, 64],
  [5, 13, 7, 68],
];

interface Case {
  readonly shape: readonly number[];
  readonly mean: number;
  readonly relu: boolean;
}

const CASES: Case[] = SHAPES.flatMap((shape) =>
  [0, 1e3].flatMap((mean) => [true, false].map((relu) => ({ shape, mean, relu }))),
);

/** Random contents with the statistics that belong to them. */
function contentsOf({ shape, mean, relu }: Case, trained: boolean) {
  const C = shape[3];
  const P = shape[0] * shape[1] * shape[2];
  const x = randomValues(P * C, 1).map((value, i) => mean * (1 + (i % C) / C) + value);
  const gamma = randomValues(C, 2).map((value) => 1 + value / 2);
  const beta = randomValues(C, 3);
  const saved = new Float32Array(2 * C);
  const runningMean = new Float32Array(C);
  const runningVar = new Float32Array(C);
  for (let c = 0; c < C; c++) {
    const channel = Array.from({ length: P }, (_, p) => x[p * C + c]);
    const average = channel.reduce((sum, value) => sum + value, 0) / P;
    const variance = channel.reduce((sum, value) => sum + (value - average) ** 2, 0) / P;
    // Fixed statistics are near the batch's but not the same.
    runningMean[c] = average + 0.1;
    runningVar[c] = variance * 1.5;
    saved[c] = trained ? average : runningMean[c];
    saved[C + c] = 1 / Math.sqrt((trained ? variance : runningVar[c]) + EPS);
  }
  // Lost digits: x is rounded at its own size, then the mean is taken off and the rest stretched.
  let condition = 1;
  let steepest = 0;
  for (let c = 0; c < C; c++) {
    condition = Math.max(condition, 1 + Math.abs(saved[c]) * saved[C + c]);
    steepest = Math.max(steepest, saved[C + c] * gamma[c]);
  }
  const z = Float64Array.from(
    x,
    (value, i) => (value - saved[i % C]) * saved[C + (i % C)] * gamma[i % C] + beta[i % C],
  );
  // Within rounding of the ReLU's corner either side is right: no gradient arrives there.
  const corner = 8 * 2 ** -23 * condition * 2;
  const dy = randomValues(P * C, 4).map((value, i) => (relu && Math.abs(z[i]) < corner ? 0 : value));
  return { contents: { x, gamma, beta, saved, runningMean, runningVar, dy }, P, C, condition, steepest };
}

const operands = (shape: readonly number[]) => ({
  x: operand('x', shape),
  gamma: operand('gamma', [shape[3]]),
  beta: operand('beta', [shape[3]]),
  saved: operand('saved', [2, shape[3]]),
});

describe('batch norm', () => {
  let candidates: Candidate[] = [];
  beforeAll(async () => {
    candidates = await openBackends();
  });
  afterAll(() => closeBackends(candidates));

  it.each(CASES)('forward, $shape, mean $mean, relu $relu', async (one) => {
    const { contents, C, condition } = contentsOf(one, true);
    const statistics = { runningMean: operand('runningMean', [C]), runningVar: operand('runningVar', [C]) };
    const args = { ...operands(one.shape), ...statistics, y: operand('y', one.shape) };
    // The means of the blocks are float32: a large one leaves a little of itself in the variance.
    const runningVar = { growth: 4 + condition / 200 };
    await checkCall(candidates, {
      call: call('batchNorm.forward', { ...args, eps: EPS, momentum: 0.1, relu: one.relu }),
      contents,
      bounds: { y: { growth: 6 * condition }, saved: { growth: 4 }, runningMean: { growth: 4 }, runningVar },
    });
  });

  it.each(CASES)('backward, $shape, mean $mean, relu $relu', async (one) => {
    const { contents, P, C, condition, steepest } = contentsOf(one, true);
    const gradients = { dgamma: operand('dgamma', [C]), dbeta: operand('dbeta', [C]) };
    const dy = operand('dy', one.shape);
    for (const dx of [operand('dx', one.shape), dy]) {
      await checkCall(candidates, {
        call: call('batchNorm.backward', { ...operands(one.shape), ...gradients, dy, dx, relu: one.relu }),
        contents,
        bounds: {
          dx: { growth: 2 * condition, scale: steepest },
          dgamma: { growth: condition, length: P },
          dbeta: { growth: 1, length: P },
        },
      });
    }
  });

  it.each(CASES)('evaluate, $shape, mean $mean, relu $relu', async (one) => {
    const { contents, C, condition } = contentsOf(one, false);
    const statistics = { runningMean: operand('runningMean', [C]), runningVar: operand('runningVar', [C]) };
    const args = { ...operands(one.shape), ...statistics, y: operand('y', one.shape) };
    await checkCall(candidates, {
      call: call('batchNorm.evaluate', { ...args, eps: EPS, relu: one.relu }),
      contents,
      bounds: { y: { growth: 6 * condition } },
    });
  });

  it.each(CASES)('backward through fixed statistics, $shape, mean $mean, relu $relu', async (one) => {
    const { contents } = contentsOf(one, false);
    const dy = operand('dy', one.shape);
    for (const dx of [operand('dx', one.shape), dy]) {
      const args = { ...operands(one.shape), dy, dx, relu: one.relu };
      await checkCall(candidates, { call: call('batchNorm.evaluateBackward', args), contents });
    }
  });

  it('refuses channels that do not fill vectors', () => {
    const shape = [1, 2, 2, 6];
    const of = operands(shape);
    const statistics = { runningMean: operand('runningMean', [6]), runningVar: operand('runningVar', [6]) };
    const outputs = { y: operand('y', shape), eps: EPS, relu: false };
    const back = { dy: operand('dy', shape), dx: operand('dx', shape), relu: false };
    const gradients = { dgamma: operand('dgamma', [6]), dbeta: operand('dbeta', [6]) };
    for (const refused of [
      call('batchNorm.forward', { ...of, ...statistics, ...outputs, momentum: 0.1 }),
      call('batchNorm.evaluate', { ...of, ...statistics, ...outputs }),
      call('batchNorm.backward', { ...of, ...back, ...gradients }),
      call('batchNorm.evaluateBackward', { ...of, ...back }),
    ]) {
      expect(() => candidates[0].backend.compile([refused])).toThrow(
        'batch norm over 6 channels does not fit the wasm kernels: use a multiple of 4, or device=reference',
      );
    }
  });

  it('keeps what is not finite visible', async () => {
    const shape = [2, 3, 3, 8];
    const { contents, C } = contentsOf({ shape, mean: 0, relu: true }, false);
    contents.x[10] = Number.NaN;
    contents.x[20] = Number.POSITIVE_INFINITY;
    const statistics = { runningMean: operand('runningMean', [C]), runningVar: operand('runningVar', [C]) };
    for (const relu of [true, false]) {
      const args = { ...operands(shape), ...statistics, y: operand('y', shape), eps: EPS, relu };
      await checkCall(candidates, {
        call: call('batchNorm.evaluate', args),
        contents,
        bounds: { y: { growth: 16 } },
        nonFinite: true,
      });
      await checkCall(candidates, {
        call: call('batchNorm.forward', { ...args, momentum: 0.1 }),
        contents,
        bounds: { y: { growth: 16 } },
        nonFinite: true,
      });
    }
  });
});
