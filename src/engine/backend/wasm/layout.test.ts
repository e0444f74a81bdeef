import { describe, expect, it } from 'vitest';
import { randomIntegers } from '../../../../test/check-ops.ts';
import { type Tensor, tensor } from '../../tensor.ts';
import type { Entry } from './entry.ts';
import { bytesOf, LINE, layOut } from './layout.ts';

const entry = (...operands: Entry['operands'][number][]): Entry => ({
  code: 0,
  name: 'test',
  items: 1,
  operands,
  scratch: 0,
  multiplications: 0,
});

/** Every pair of tensors that some entry needs at once must lie apart. */
function expectApart(entries: readonly Entry[], keep: readonly Tensor[] = []): number {
  const { offsets, bytes } = layOut(entries, keep);
  const lives = [...offsets].map(([buffer, from]) => {
    const uses = entries.flatMap(({ operands }, i) =>
      operands.some(
        (one) => one !== null && typeof one === 'object' && 'buffer' in one && one.buffer === buffer,
      )
        ? [i]
        : [],
    );
    const kept = keep.some((one) => one.buffer === buffer);
    return {
      from,
      to: from + bytesOf(buffer),
      first: Math.min(...uses),
      last: kept ? entries.length : Math.max(...uses),
    };
  });
  for (const a of lives) {
    expect(a.from % LINE).toBe(0);
    expect(a.to).toBeLessThanOrEqual(bytes);
    for (const b of lives) {
      const together = a !== b && a.first <= b.last && b.first <= a.last;
      if (together) expect(a.to <= b.from || b.to <= a.from).toBe(true);
    }
  }
  return bytes;
}

describe('layOut', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => tensor(name, [16]));
  const chain = [entry(a), entry(a, b), entry(b, c)];

  it('uses the place of a dead tensor again', () => expect(expectApart(chain)).toBe(128));
  it('keeps what is asked for', () => expect(expectApart(chain, [a])).toBe(192));
  it('leaves persistent tensors and numbers alone', () => {
    const fixed = tensor('fixed', [100], 'f32', 'persistent');
    const { offsets, bytes } = layOut([entry(fixed, 3, null, a)], [fixed]);
    expect([...offsets.keys()]).toEqual([a.buffer]);
    expect(bytes).toBe(64);
  });
  it('rounds to cache lines', () => expect(layOut([entry(tensor('odd', [17]))], []).bytes).toBe(128));
  it('is empty for nothing', () => expect(layOut([], [])).toEqual({ offsets: new Map(), bytes: 0 }));

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('holds for random programs, seed %d', (seed) => {
    const sizes = randomIntegers(40, 300, seed);
    const tensors = Array.from(sizes, (size, i) => tensor(`t${i}`, [size + 1]));
    const picks = randomIntegers(180, 40, seed + 100);
    // Neighbours in time use neighbouring tensors, as in a network.
    const entries = Array.from({ length: 60 }, (_, i) =>
      entry(
        ...[0, 1, 2].map((j) => tensors[Math.min(39, Math.floor((i * 36) / 60) + (picks[3 * i + j] % 5))]),
      ),
    );
    const bytes = expectApart(entries, [tensors[2]]);
    expect(bytes).toBeLessThan(tensors.reduce((sum, { buffer }) => sum + bytesOf(buffer), 0) / 2);
  });
});
