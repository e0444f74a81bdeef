import '../../../../test/halfDriver.ts';
import { describe, expect, it } from 'vitest';
import type { Candidate } from '../../../../test/backends.ts';
import { checkCall, operand } from '../../../../test/check-ops.ts';
import { type Bound, lengthOf } from '../../../../test/compare.ts';
import { gpuCandidates, hasGpu, openGpu } from '../../../../test/gpu.ts';
import { optional } from '../../../../test/optional.ts';
import { ran } from '../../../../test/ran.ts';
import { trainingSteps } from '../../../../test/trainingSteps.mjs';
import { call } from '../../kernels.ts';
import { tensor } from '../../tensor.ts';
import { WasmBackend } from '../wasm.ts';
import { openAdapter } from './adapter.ts';
import { MATRIX_TILES, type MatrixTileName } from './kernels/tiles.ts';
import { HALVES, traitsOf } from './traits.ts';

const found = hasGpu ? await openAdapter({ software: true }) : null;
const features = (found?.adapter.features ?? new Set()) as ReadonlySet<string>;
const hasHalves = optional(
  'mixed precision',
  features.has(HALVES),
  'no GPU with 16-bit floats; for tests FER_TEST_HALF_DRIVER=FILE names a driver, such as that of Mesa 25 lavapipe',
);
/** Drivers with matrix units are rare, and none in software is in a released Debian: they are tested where there are some. */
const hasMatrices =
  found !== null &&
  traitsOf(found.adapter.limits, features, found.adapter.info, found.language).matrices !== null;
if (found) found.gpu = null;
ran(`matrix units of a GPU: ${hasMatrices ? 'tested' : 'not here'}`);

/** Spacing of 16-bit floats at 1. */
const EPS = 2 ** -10;
/** Of the growth that float32 is allowed in conv.test.ts; much less is found, as sums are in 32 bits. */
const WINOGRAD = 2;
/** What sums of single steps may be apart in 16 bits and 32. */
const LOSS = 0.02;
/** And steps of weights, as a share of their size: a ReLU or pool that falls otherwise turns single gradients over. */
const MOVES = 0.3;

/** Bounds of a sum of so many terms. */
const bound = (length: number): Bound => ({ length, growth: WINOGRAD, eps: EPS });

/** All three products of a linear layer. */
async function checkLinear(candidates: readonly Candidate[], [N, I, O]: readonly number[]): Promise<void> {
  const [x, dx] = [operand('x', [N, I]), operand('dx', [N, I])];
  const [y, dy] = [operand('y', [N, O]), operand('dy', [N, O])];
  const [w, dw] = [operand('w', [O, I]), operand('dw', [O, I])];
  const [b, db] = [operand('b', [O]), operand('db', [O])];
  await checkCall(candidates, { call: call('linear.forward', { x, w, b, y }), bounds: { y: bound(I) } });
  const backwardInput = call('linear.backwardInput', { dy, w, dx });
  await checkCall(candidates, { call: backwardInput, bounds: { dx: bound(O) } });
  const backwardWeight = call('linear.backwardWeight', { x, dy, dw, db });
  await checkCall(candidates, { call: backwardWeight, bounds: { dw: bound(N), db: bound(N) } });
}

const ways = hasMatrices ? [true, false] : [true];
describe.runIf(hasHalves).each(ways)(
  'mixed precision on a GPU, without matrix units: %s',
  (withoutMatrices) => {
    const options = { mixed: true, withoutMatrices };
    const candidates = gpuCandidates(options);
    const timeout = 300_000;

    it.each([
      [1, 5, 5, 8, 8],
      [3, 2, 3, 16, 8],
      [6, 13, 10, 12, 4],
      [2, 10, 10, 32, 72],
      [9, 5, 5, 68, 16],
      [2, 40, 40, 8, 8],
    ])('convolution [%d, %d, %d, %d] to %d channels', { timeout }, async (N, H, W, C, K) => {
      const [x, dx] = [operand('x', [N, H, W, C]), operand('dx', [N, H, W, C])];
      const [y, dy] = [operand('y', [N, H, W, K]), operand('dy', [N, H, W, K])];
      const [w, dw] = [operand('w', [K, C, 3, 3]), operand('dw', [K, C, 3, 3])];
      const [b, db] = [operand('b', [K]), operand('db', [K])];
      const forward = call('conv3x3.forward', { x, w, b, y });
      await checkCall(candidates, { call: forward, bounds: { y: bound(9 * C) } });
      const backwardInput = call('conv3x3.backwardInput', { dy, w, dx });
      await checkCall(candidates, { call: backwardInput, bounds: { dx: bound(9 * K) } });
      const bounds = { dw: bound(N * H * W), db: bound(N * H * W) };
      await checkCall(candidates, { call: call('conv3x3.backwardWeight', { x, dy, dw, db }), bounds });
    });

    it.each([
      [20, 24, 20],
      [33, 100, 68],
      [130, 36, 132],
    ])('linear layer of %d samples, %d to %d features', { timeout }, (...sizes) =>
      checkLinear(candidates, sizes),
    );

    it('keeps what is infinite or a NaN, and stores the largest number for what is too large', {
      timeout,
    }, async () => {
      const given = [
        Number.NaN,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        1e6,
        -1e6,
        1 / 3,
        2 ** -26,
        -0.1,
      ];
      const expected = [
        Number.NaN,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        65504,
        -65504,
        0.333251953125,
        0,
        -0.0999755859375,
      ];
      for (const lanes of [1, 4]) {
        const count = given.length + (lanes === 1 ? 1 : 0);
        const [a, b, y] = ['a', 'b', 'y'].map((name) => tensor(name, [count], 'f32', 'persistent'));
        const between = tensor('between', [count]);
        const calls = [call('add', { a, b, y: between }), call('add', { a: between, b, y })];
        const backend = candidates[0].backend;
        backend.write(a, given);
        backend.run(backend.compile(calls));
        expect([...(await backend.read(y))].slice(0, given.length)).toEqual(expected);
      }
    });

    it('trains as in 32 bits, but for roundings, and the same bits twice', { timeout }, async () => {
      const cpu = await WasmBackend.create({ threads: 1 });
      const expected = await trainingSteps(cpu);
      await cpu.close();
      const found = [];
      for (let turn = 0; turn < 2; turn++) {
        const backend = await openGpu(options);
        found.push(await trainingSteps(backend));
        await backend.close();
      }
      const [first, second] = found;
      expected.losses.forEach((loss, step) => {
        expect(Math.abs(first.losses[step] - loss)).toBeLessThan(LOSS);
        // It did compute in 16 bits.
        expect(first.losses[step]).not.toBe(loss);
      });
      const worst = Math.max(...[...expected.logits].map((logit, i) => Math.abs(first.logits[i] - logit)));
      expect(worst).toBeLessThan(LOSS);
      // The gradients that moved the weights: scaled up on their way, and back.
      const apart = lengthOf(first.moves.map((move, i) => move - expected.moves[i]));
      expect(apart / lengthOf(expected.moves)).toBeLessThan(MOVES);
      expect(second).toEqual(first);
    });
  },
);

// As `ways`: where there are no matrix units there is nothing to leave out, and `ran` says so.
const tiles = hasMatrices ? (Object.keys(MATRIX_TILES) as MatrixTileName[]) : [];
describe.each(tiles)('products on matrix units in %s tiles', (matrixTile) => {
  const candidates = gpuCandidates({ mixed: true, matrixTile });
  const { rows, columns, depth } = MATRIX_TILES[matrixTile];

  // Exactly one tile, and more in every direction.
  it.each([
    [rows, depth, columns],
    [rows + 20, 3 * depth + 4, columns + 36],
  ])('%d rows, %d to %d features', { timeout: 600_000 }, (...sizes) => checkLinear(candidates, sizes));
});
