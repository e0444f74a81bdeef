import { describe, expect, it } from 'vitest';
import { ReferenceBackend } from '../src/engine/backend/reference.ts';
import type { NumericArray } from '../src/engine/backend.ts';
import { type Call, call } from '../src/engine/kernels.ts';
import type { Tensor } from '../src/engine/tensor.ts';
import type { Candidate } from './backends.ts';
import { checkCall, operand, randomIntegers, randomValues } from './check-ops.ts';
import { discrepancy, expectClose, expectSame } from './compare.ts';

class Tampered extends ReferenceBackend {
  readonly #change: (values: NumericArray, name: string) => void;

  constructor(change: (values: NumericArray, name: string) => void) {
    super();
    this.#change = change;
  }

  override async read(from: Tensor): Promise<NumericArray> {
    const values = await super.read(from);
    this.#change(values, from.buffer.name);
    return values;
  }
}

const GUARD = 16;
const honest: Candidate = { family: 'honest', backend: new ReferenceBackend() };
const tampered = (change: (values: NumericArray, name: string) => void, family = 'tampered'): Candidate => ({
  family,
  backend: new Tampered(change),
});

const linear = (): Call =>
  call('linear.forward', {
    x: operand('x', [3, 5]),
    w: operand('w', [4, 5]),
    b: operand('b', [4]),
    y: operand('y', [3, 4]),
  });

describe('discrepancy', () => {
  it('is 0 for equal values, not finite ones too', () => {
    const values = [1, 0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    expect(discrepancy(values, values)).toEqual({ ratio: 0, index: -1 });
  });

  it('scales to the largest value, the length of the sum and the growth', () => {
    const at = (scale: number, length: number, growth: number): number =>
      discrepancy([0, scale * 1.001], [0, scale], { length, growth }).ratio;
    expect(at(1, 1, 1)).toBeCloseTo(0.001 * 2 ** 23, 3);
    expect(at(1000, 1, 1)).toBeCloseTo(at(1, 1, 1), 3);
    expect(at(1, 100, 1)).toBeCloseTo(at(1, 1, 1) / 10, 3);
    expect(at(1, 1, 4)).toBeCloseTo(at(1, 1, 1) / 4, 3);
    expect(discrepancy([1.001], [1], { growth: 1, scale: 10 }).ratio).toBeCloseTo(at(1, 1, 1) / 10, 3);
  });

  it('names the worst element', () => {
    expect(discrepancy([1, 1.1, 1.5, 1.2], [1, 1, 1, 1]).index).toBe(2);
  });

  it.each([
    [[Number.NaN], [0]],
    [[0], [Number.NaN]],
    [[Number.POSITIVE_INFINITY], [Number.NEGATIVE_INFINITY]],
    [[Number.POSITIVE_INFINITY], [Number.NaN]],
    [[1e30], [Number.POSITIVE_INFINITY]],
    [[1e-30], [0]],
  ])('is endless between %j and %j', (actual, expected) => {
    expect(discrepancy(actual, expected).ratio).toBe(Number.POSITIVE_INFINITY);
  });

  it('takes any value that is not finite for another only where that is said, and no finite one', () => {
    const among = (actual: number, expected: number): number =>
      discrepancy([actual], [expected], { anyNonFinite: true }).ratio;
    expect(among(Number.NaN, Number.POSITIVE_INFINITY)).toBe(0);
    expect(among(1, Number.NaN)).toBe(Number.POSITIVE_INFINITY);
    expect(among(Number.NaN, 1)).toBe(Number.POSITIVE_INFINITY);
    expect(among(1.1, 1)).toBeGreaterThan(1);
  });

  it('refuses other lengths', () => {
    expect(() => discrepancy([1], [1, 2])).toThrow('1 values, expected 2');
    expect(() => expectSame([1], [1, 2], 'y')).toThrow('1 values, not 2');
  });

  it('throws beyond the tolerance and not within', () => {
    expect(() => expectClose([1 + 1e-5], [1], {}, 'y')).toThrow(/y: 1.00001 at 0, expected 1/);
    expect(expectClose([1 + 1e-7], [1], {}, 'y')).toBeGreaterThan(0);
    expect(() => expectSame([-0], [0], 'y')).toThrow('to the bit');
  });
});

describe('checkCall', () => {
  it('passes where the candidate is right', async () => {
    expect(await checkCall([honest], { call: linear() })).toEqual({ y: 0 });
  });

  it('fails without a candidate', async () => {
    await expect(checkCall([], { call: linear() })).rejects.toThrow('nothing to check');
  });

  it('fails for a wrong value', async () => {
    const wrong = tampered((values, name) => {
      if (name === 'y') values[GUARD + 3] += 1e-4;
    });
    await expect(checkCall([wrong], { call: linear() })).rejects.toThrow(/linear.forward y.* at 3/);
  });

  it('fails for an element that was not written', async () => {
    const lazy = tampered((values, name) => {
      if (name === 'y') values[GUARD] = Number.NaN;
    });
    await expect(checkCall([lazy], { call: linear() })).rejects.toThrow('NaN at 0');
  });

  it('fails for an input that was changed', async () => {
    const careless = tampered((values, name) => {
      if (name === 'w') values[GUARD] += 1;
    });
    await expect(checkCall([careless], { call: linear() })).rejects.toThrow('an input');
  });

  it.each([
    [GUARD - 1, 'in front of it'],
    [GUARD + 12, 'behind it'],
  ])('fails for a change of element %d', async (index, what) => {
    const overrun = tampered((values, name) => {
      if (name === 'y') values[index] = 0;
    });
    await expect(checkCall([overrun], { call: linear() })).rejects.toThrow(what);
  });

  it('fails where two of a family differ in a bit that the bound allows', async () => {
    const near = tampered((values, name) => {
      if (name === 'y') values[GUARD] += 1e-12;
    }, 'honest');
    await expect(checkCall([honest, near], { call: linear() })).rejects.toThrow('against fewer threads');
    await expect(checkCall([{ ...near, family: 'other' }], { call: linear() })).resolves.toBeDefined();
  });

  it('fails for a wrong integer', async () => {
    const gather = call('gatherLabels', {
      targets: operand('targets', [4], 'u8'),
      order: operand('order', [4], 'i32'),
      labels: operand('labels', [2], 'i32'),
      step: operand('step', [4], 'i32'),
      crops: 1,
    });
    const contents = { targets: [6, 5, 4, 3], order: [3, 1, 2, 0], step: [0, 0, 1, 0] };
    await checkCall([honest], { call: gather, contents });
    const wrong = tampered((values, name) => {
      if (name === 'labels') values[GUARD]++;
    });
    await expect(checkCall([wrong], { call: gather, contents })).rejects.toThrow('6 at 0, expected 5');
  });

  it('fails where the reference itself is not finite, unless that is meant', async () => {
    const contents = { x: new Float32Array(15).fill(Number.POSITIVE_INFINITY) };
    await expect(checkCall([honest], { call: linear(), contents })).rejects.toThrow('left y unset');
    await expect(checkCall([honest], { call: linear(), contents, nonFinite: true })).resolves.toEqual({
      y: 0,
    });
  });

  it('accepts an output in place of an input and compares it', async () => {
    const y = operand('y', [8]);
    const dx = operand('dy', [8]);
    const relu = call('relu.backward', { y, dy: dx, dx });
    await checkCall([honest], { call: relu });
    const wrong = tampered((values, name) => {
      if (name === 'dy') values[GUARD + 7] += 1;
    });
    await expect(checkCall([wrong], { call: relu })).rejects.toThrow('at 7');
  });

  it('asks for contents of the right number', async () => {
    await expect(checkCall([honest], { call: linear(), contents: { x: [1] } })).rejects.toThrow(
      'x: 1 values, not 15',
    );
  });
});

describe('random contents', () => {
  it('are seeded, in range and not all alike', () => {
    const values = randomValues(1000, 3);
    expect(values).toEqual(randomValues(1000, 3));
    expect(values).not.toEqual(randomValues(1000, 4));
    expect(Math.max(...values)).toBeGreaterThan(0.9);
    expect(Math.min(...values)).toBeLessThan(-0.9);
    expect(new Set(randomIntegers(1000, 7, 1))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6]));
  });
});
