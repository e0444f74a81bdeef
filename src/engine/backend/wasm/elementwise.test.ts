import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Candidate, closeBackends, openBackends } from '../../../../test/backends.ts';
import { checkCall, operand, randomValues } from '../../../../test/check-ops.ts';
import { expectSame } from '../../../../test/compare.ts';
import { call } from '../../kernels.ts';
import { bits, keyOf, STREAMS } from '../../random.ts';
import { ReferenceBackend } from '../reference.ts';

/** Less than a vector, a vector, not a multiple of one, a block of 16384, one more and several. */
const LENGTHS = [1, 3, 4, 7, 130, 16384, 16385, 40007];
const exact = { growth: 0 };

describe('elementwise kernels', () => {
  let candidates: Candidate[] = [];
  beforeAll(async () => {
    candidates = await openBackends();
  });
  afterAll(() => closeBackends(candidates));

  const notFinite = (length: number): Float32Array => {
    const kinds = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0];
    return randomValues(length, 9).map((value, i) => (i % 3 === 0 ? kinds[i % 5] : value));
  };

  it.each(LENGTHS)('relu of %d', async (length) => {
    const x = operand('x', [length]);
    const y = operand('y', [length]);
    const dy = operand('dy', [length]);
    const forward = call('relu.forward', { x, y });
    await checkCall(candidates, { call: forward, bounds: { y: exact } });
    await checkCall(candidates, { call: forward, contents: { x: notFinite(length) }, nonFinite: true });
    for (const dx of [operand('dx', [length]), dy]) {
      const backward = call('relu.backward', { y, dy, dx });
      await checkCall(candidates, { call: backward, bounds: { dx: exact } });
      const contents = { y: notFinite(length), dy: notFinite(length) };
      await checkCall(candidates, { call: backward, contents, nonFinite: true });
    }
  });

  it.each(LENGTHS)('add of %d', async (length) => {
    const a = operand('a', [length]);
    const b = operand('b', [length]);
    for (const y of [operand('y', [length]), a]) {
      await checkCall(candidates, { call: call('add', { a, b, y }) });
      const contents = { a: notFinite(length), b: notFinite(length).reverse() };
      await checkCall(candidates, { call: call('add', { a, b, y }), contents, nonFinite: true });
    }
  });

  it.each(LENGTHS)('dropout of %d', async (length) => {
    const step = operand('step', [4], 'i32');
    const contents = { step: [-7, 3, 5, 11] };
    const x = operand('x', [length]);
    const dy = operand('dy', [length]);
    for (const [p, layer] of [
      [0.2, 0],
      [0.5, 1],
      [0, 2],
    ]) {
      const y = operand('y', [length]);
      await checkCall(candidates, { call: call('dropout.forward', { x, y, step, p, layer }), contents });
      for (const dx of [operand('dx', [length]), dy]) {
        await checkCall(candidates, { call: call('dropout.backward', { dy, dx, step, p, layer }), contents });
      }
    }
  });

  it('drops all but a hair where that is asked for', async () => {
    const [x, y] = ['x', 'y'].map((name) => operand(name, [1000]));
    const step = operand('step', [4], 'i32');
    for (const { backend } of candidates) {
      backend.write(x, new Float32Array(1000).fill(1));
      backend.run(backend.compile([call('dropout.forward', { x, y, step, p: 1 - 2 ** -40, layer: 0 })]));
      expect(Math.max(...(await backend.read(y)))).toBe(0);
    }
  });

  it('draws the mask of dropout from seed, step and layer, to the bit', async () => {
    const length = 20000;
    const p = 0.3;
    const x = operand('x', [length]);
    const y = operand('y', [length]);
    const step = operand('step', [4], 'i32');
    const masks: string[] = [];
    for (const [seed, at, layer] of [
      [1, 0, 0],
      [2, 0, 0],
      [1, 1, 0],
      [1, 0, 1],
    ]) {
      const key = keyOf(seed, STREAMS.dropout, at, layer);
      const mask = Float32Array.from({ length }, (_, i) => Number(bits(key, i) / 2 ** 32 >= p));
      expect(mask.reduce((sum, kept) => sum + kept, 0) / length).toBeCloseTo(1 - p, 1);
      for (const { backend } of [...candidates, { backend: new ReferenceBackend() }]) {
        backend.write(x, new Float32Array(length).fill(1));
        backend.write(step, [seed, 99, 99, at]);
        backend.run(backend.compile([call('dropout.forward', { x, y, step, p, layer })]));
        const kept = Float32Array.from(await backend.read(y), (value) => Number(value !== 0));
        expectSame(kept, mask, `the mask on ${backend.describe()}`);
      }
      masks.push(mask.join(''));
    }
    expect(new Set(masks).size).toBe(4);
  });

  it.each([
    [1, 1, 1, 4],
    [2, 2, 2, 8],
    [3, 5, 1, 7],
    [9, 2, 3, 130],
    [4, 6, 6, 1],
  ])('flatten of [%d, %d, %d, %d]', async (N, H, W, C) => {
    const images = (name: string) => operand(name, [N, H, W, C]);
    const rows = (name: string) => operand(name, [N, H * W * C]);
    const forward = call('flatten.forward', { x: images('x'), y: rows('y') });
    const backward = call('flatten.backward', { dy: rows('dy'), dx: images('dx') });
    await checkCall(candidates, { call: forward, bounds: { y: exact } });
    await checkCall(candidates, { call: backward, bounds: { dx: exact } });
  });
});
