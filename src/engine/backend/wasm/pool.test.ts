import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Candidate, closeBackends, openBackends } from '../../../../test/backends.ts';
import { checkCall, operand, randomIntegers } from '../../../../test/check-ops.ts';
import { call } from '../../kernels.ts';
import { sizeOf } from '../../tensor.ts';

/** [N, H, W, C]: one window, even and odd sides, a side that leaves nothing over in the other direction, no window. */
const SHAPES = [
  [1, 2, 2, 4],
  [2, 4, 4, 8],
  [3, 5, 5, 8],
  [2, 3, 10, 16],
  [9, 10, 7, 12],
  [1, 40, 40, 64],
  [2, 1, 5, 8],
  [3, 4, 1, 4],
  [2, 1, 1, 4],
] as const;

describe('max pooling', () => {
  let candidates: Candidate[] = [];
  beforeAll(async () => {
    candidates = await openBackends();
  });
  afterAll(() => closeBackends(candidates));

  const exact = { growth: 0 };
  const half = ([N, H, W, C]: readonly number[]) => [N, H >> 1, W >> 1, C];

  it.each(SHAPES)('forward and backward, [%d, %d, %d, %d]', async (...shape) => {
    const x = operand('x', shape);
    const y = operand('y', half(shape));
    const dy = operand('dy', half(shape));
    const dx = operand('dx', shape);
    await checkCall(candidates, { call: call('maxPool2.forward', { x, y }), bounds: { y: exact } });
    await checkCall(candidates, { call: call('maxPool2.backward', { x, dy, dx }), bounds: { dx: exact } });
  });

  it.each(SHAPES)('gives ties to the first of a window, [%d, %d, %d, %d]', async (...shape) => {
    const ties = Float32Array.from(randomIntegers(sizeOf(shape), 3, 5));
    const x = operand('x', shape);
    const dy = operand('dy', half(shape));
    const dx = operand('dx', shape);
    const contents = { x: ties };
    await checkCall(candidates, {
      call: call('maxPool2.backward', { x, dy, dx }),
      contents,
      bounds: { dx: exact },
    });
  });

  it('refuses channels that do not fill vectors', () => {
    const [x, dx] = [operand('x', [1, 2, 2, 6]), operand('dx', [1, 2, 2, 6])];
    const y = operand('y', [1, 1, 1, 6]);
    for (const refused of [call('maxPool2.forward', { x, y }), call('maxPool2.backward', { x, dy: y, dx })]) {
      expect(() => candidates[0].backend.compile([refused])).toThrow(
        'max pooling over 6 channels does not fit the wasm kernels: use a multiple of 4, or device=reference',
      );
    }
  });

  it('keeps a NaN and an infinity', async () => {
    const values = [Number.NaN, 1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const x = operand('x', [2, 4, 4, 4]);
    const y = operand('y', [2, 2, 2, 4]);
    const contents = { x: Array.from(randomIntegers(128, 4, 3), (i) => values[i]) };
    await checkCall(candidates, { call: call('maxPool2.forward', { x, y }), contents, nonFinite: true });
  });
});
