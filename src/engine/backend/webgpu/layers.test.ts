import { describe, expect, it } from 'vitest';
import type { Candidate } from '../../../../test/backends.ts';
import { checkCall, operand, randomIntegers, randomValues } from '../../../../test/check-ops.ts';
import { gpuCandidates, hasGpu } from '../../../../test/gpu.ts';
import { type Call, call } from '../../kernels.ts';
import { sizeOf } from '../../tensor.ts';
import type { WebGpuBackend } from '../webgpu.ts';
import { TILES, type TileName } from './kernels/tiles.ts';

const EPS = 1e-5;

describe.runIf(hasGpu)('batch norm on a GPU', () => {
  const candidates = gpuCandidates();

  /** Two pixels, a block of 128 and one less and more, many blocks; channels in fours and not. */
  const SHAPES = [
    [2, 1, 1, 4],
    [1, 127, 1, 12],
    [2, 8, 8, 16],
    [1, 3, 43, 3],
    [3, 10, 10, 64],
    [5, 13, 7, 68],
    [90, 40, 40, 2],
  ];
  const CASES = SHAPES.flatMap((shape) =>
    [0, 1e3].map((mean, i) => ({ shape, mean, relu: (shape[3] + i) % 2 === 0 })),
  );

  /** Random contents with the statistics that belong to them, and how many digits they cost. */
  function contentsOf({ shape, mean, relu }: (typeof CASES)[number], trained: boolean) {
    const C = shape[3];
    const P = sizeOf(shape) / C;
    const x = randomValues(P * C, 1).map((value, i) => mean * (1 + (i % C) / C) + value);
    const gamma = randomValues(C, 2).map((value) => 1 + value / 2);
    const beta = randomValues(C, 3);
    const saved = new Float32Array(2 * C);
    const [runningMean, runningVar] = [new Float32Array(C), new Float32Array(C)];
    for (let c = 0; c < C; c++) {
      let sum = 0;
      for (let p = 0; p < P; p++) sum += x[p * C + c];
      let squares = 0;
      for (let p = 0; p < P; p++) squares += (x[p * C + c] - sum / P) ** 2;
      // Fixed statistics are near the batch's but not the same.
      runningMean[c] = sum / P + 0.1;
      runningVar[c] = (squares / P) * 1.5;
      saved[c] = trained ? sum / P : runningMean[c];
      saved[C + c] = 1 / Math.sqrt((trained ? squares / P : runningVar[c]) + EPS);
    }
    let condition = 1;
    let steepest = 0;
    for (let c = 0; c < C; c++) {
      condition = Math.max(condition, 1 + Math.abs(saved[c]) * saved[C + c]);
      steepest = Math.max(steepest, saved[C + c] * gamma[c]);
    }
    // Within rounding of the ReLU's corner either side is right: no gradient arrives there.
    const corner = 8 * 2 ** -23 * condition * 2;
    const dy = randomValues(P * C, 4).map((value, i) => {
      const c = i % C;
      const z = (x[i] - saved[c]) * saved[C + c] * gamma[c] + beta[c];
      return relu && Math.abs(z) < corner ? 0 : value;
    });
    return { contents: { x, gamma, beta, saved, runningMean, runningVar, dy }, P, condition, steepest };
  }

  const operands = (shape: readonly number[]) => ({
    x: operand('x', shape),
    gamma: operand('gamma', [shape[3]]),
    beta: operand('beta', [shape[3]]),
    saved: operand('saved', [2, shape[3]]),
  });
  const statistics = ([, , , C]: readonly number[]) => ({
    runningMean: operand('runningMean', [C]),
    runningVar: operand('runningVar', [C]),
  });

  it.each(CASES)('forward, $shape, mean $mean, relu $relu', async (one) => {
    const { shape, relu } = one;
    const args = { ...operands(shape), ...statistics(shape), y: operand('y', shape), eps: EPS, relu };
    const trained = contentsOf(one, true);
    await checkCall(candidates, {
      call: call('batchNorm.forward', { ...args, momentum: 0.1 }),
      contents: trained.contents,
      bounds: {
        y: { growth: 6 * trained.condition },
        saved: { growth: 4 },
        runningMean: { growth: 4 },
        runningVar: { growth: 4 },
      },
    });
    const fixed = contentsOf(one, false);
    await checkCall(candidates, {
      call: call('batchNorm.evaluate', args),
      contents: fixed.contents,
      bounds: { y: { growth: 6 * fixed.condition }, saved: { growth: 4 } },
    });
  });

  it.each(CASES)('backward, $shape, mean $mean, relu $relu', async (one) => {
    const { shape, relu } = one;
    const gradients = { dgamma: operand('dgamma', [shape[3]]), dbeta: operand('dbeta', [shape[3]]) };
    const dy = operand('dy', shape);
    const trained = contentsOf(one, true);
    const fixed = contentsOf(one, false);
    for (const dx of [operand('dx', shape), dy]) {
      await checkCall(candidates, {
        call: call('batchNorm.backward', { ...operands(shape), ...gradients, dy, dx, relu }),
        contents: trained.contents,
        bounds: {
          dx: { growth: 2 * trained.condition, scale: trained.steepest },
          dgamma: { growth: trained.condition, length: trained.P },
          dbeta: { growth: 1, length: trained.P },
        },
      });
      const args = { ...operands(shape), dy, dx, relu };
      await checkCall(candidates, {
        call: call('batchNorm.evaluateBackward', args),
        contents: fixed.contents,
      });
    }
  });

  it('keeps what is not finite visible', async () => {
    const shape = [2, 3, 3, 8];
    const { contents } = contentsOf({ shape, mean: 0, relu: true }, false);
    contents.x[10] = Number.NaN;
    contents.x[20] = Number.POSITIVE_INFINITY;
    const args = { ...operands(shape), ...statistics(shape), y: operand('y', shape), eps: EPS };
    for (const relu of [true, false]) {
      // The mean of an infinity comes out as a NaN here.
      const bounds = Object.fromEntries(
        ['y', 'saved', 'runningMean', 'runningVar'].map((name) => [name, { growth: 16, anyNonFinite: true }]),
      );
      const trial = { contents, bounds, nonFinite: true };
      await checkCall(candidates, { ...trial, call: call('batchNorm.evaluate', { ...args, relu }) });
      const forward = call('batchNorm.forward', { ...args, momentum: 0.1, relu });
      await checkCall(candidates, { ...trial, call: forward });
    }
  });
});

describe.runIf(hasGpu)('max pooling on a GPU', () => {
  const candidates = gpuCandidates();

  const exact = { growth: 0 };

  it.each([
    [1, 2, 2, 4],
    [3, 5, 5, 8],
    [2, 3, 10, 3],
    [9, 10, 7, 12],
    [1, 40, 40, 64],
  ])('[%d, %d, %d, %d]', async (...shape) => {
    const [N, H, W, C] = shape;
    const half = [N, H >> 1, W >> 1, C];
    const [x, dx] = [operand('x', shape), operand('dx', shape)];
    const [y, dy] = [operand('y', half), operand('dy', half)];
    await checkCall(candidates, { call: call('maxPool2.forward', { x, y }), bounds: { y: exact } });
    const backward = call('maxPool2.backward', { x, dy, dx });
    await checkCall(candidates, { call: backward, bounds: { dx: exact } });
    // Ties go to the first of a window.
    const contents = { x: Float32Array.from(randomIntegers(sizeOf(shape), 3, 5)) };
    await checkCall(candidates, { call: backward, contents, bounds: { dx: exact } });
  });

  it('keeps a NaN and an infinity', async () => {
    const values = [Number.NaN, 1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const C of [4, 3]) {
      const [x, y] = [operand('x', [2, 4, 4, C]), operand('y', [2, 2, 2, C])];
      const contents = { x: Array.from(randomIntegers(32 * C, 4, 3), (i) => values[i]) };
      await checkCall(candidates, { call: call('maxPool2.forward', { x, y }), contents, nonFinite: true });
    }
  });
});

function linearCalls([N, I, O]: readonly number[]): Record<'forward' | 'input' | 'weight', Call> {
  const [x, w, b, y] = [operand('x', [N, I]), operand('w', [O, I]), operand('b', [O]), operand('y', [N, O])];
  const [dy, dx, dw, db] = [
    operand('dy', [N, O]),
    operand('dx', [N, I]),
    operand('dw', [O, I]),
    operand('db', [O]),
  ];
  return {
    forward: call('linear.forward', { x, w, b, y }),
    input: call('linear.backwardInput', { dy, w, dx }),
    weight: call('linear.backwardWeight', { x, dy, dw, db }),
  };
}

async function checkLinear(candidates: readonly Candidate[], sizes: readonly number[]): Promise<void> {
  const [N, I, O] = sizes;
  const { forward, input, weight } = linearCalls(sizes);
  await checkCall(candidates, { call: forward, bounds: { y: { length: I, growth: 1 } } });
  await checkCall(candidates, { call: input, bounds: { dx: { length: O, growth: 1 } } });
  const bounds = { dw: { length: N, growth: 1 }, db: { length: N, growth: 1 } };
  await checkCall(candidates, { call: weight, bounds });
}

describe.runIf(hasGpu).each([false, true])(
  'linear layers on a GPU, without subgroups: %s',
  (withoutSubgroups) => {
    const candidates = gpuCandidates({ withoutSubgroups });

    // Few rows and few outputs, whose sums are cut among threads; odd sizes; parts of tiles and several.
    it.each([
      [1, 6, 7],
      [1, 300, 130],
      [10, 64, 40],
      [65, 300, 7],
      [33, 6, 17],
      [64, 16, 64],
      [65, 100, 130],
      [300, 40, 68],
    ])('%d rows, %d to %d features', (...sizes) => checkLinear(candidates, sizes));

    it('adds up among the threads of subgroups where it can', () => {
      const backend = candidates[0].backend as WebGpuBackend;
      const summed = backend.kernels.filter((name) => name.startsWith('dot '));
      expect(summed.length).toBeGreaterThan(0);
      const expected = !withoutSubgroups && backend.traits.subgroup !== null;
      for (const name of summed) expect(name.endsWith('subgroups')).toBe(expected);
    });
  },
);

describe.runIf(hasGpu).each(Object.keys(TILES) as TileName[])('products in %s tiles on a GPU', (tile) => {
  const candidates = gpuCandidates({ tile });

  const { rows, columns, depth } = TILES[tile];
  // Exactly one tile, and more in every direction.
  it.each([
    [rows, depth, columns],
    [rows + 20, 3 * depth + 4, columns + 36],
  ])('%d rows, %d to %d features', (...sizes) => checkLinear(candidates, sizes));
});
