import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Candidate, closeBackends, openBackends } from '../../../../test/backends.ts';
import { checkCall, operand, randomIntegers, randomValues } from '../../../../test/check-ops.ts';
import { type Call, call, MIXTURE } from '../../kernels.ts';
import { sizeOf } from '../../tensor.ts';
import { ReferenceBackend } from '../reference.ts';

let candidates: Candidate[] = [];
beforeAll(async () => {
  candidates = await openBackends();
});
afterAll(() => closeBackends(candidates));

const mixture = operand('mixture', [MIXTURE.length]);
const mixtureOf = (slots: Partial<Record<keyof typeof MIXTURE, number>>): Float32Array => {
  const values = new Float32Array(MIXTURE.length);
  for (const [name, value] of Object.entries(slots)) values[MIXTURE[name as keyof typeof MIXTURE]] = value;
  return values;
};

describe('mix', () => {
  it.each([
    [1, 40, 40, 1],
    [2, 3, 5, 1],
    [7, 6, 4, 3],
    [64, 40, 40, 1],
  ])('[%d, %d, %d, %d]', async (...shape) => {
    const [, H, W] = shape;
    const mix = call('mix', { x: operand('x', shape), y: operand('y', shape), mixture });
    for (const slots of [
      {},
      { share: 0.3 },
      { left: 1, top: 1, width: W - 2, height: H - 2 },
      { left: 0, top: 0, width: W, height: H },
      { left: W - 1, top: H - 1, width: 1, height: 1, share: 0.5 },
      { left: 1, top: 1, width: 0, height: 0 },
      // The label's share is none of its business.
      { labelShare: 0.5 },
    ]) {
      const moved = 'share' in slots ? {} : { bounds: { y: { growth: 0 } } };
      await checkCall(candidates, { call: mix, contents: { mixture: mixtureOf(slots) }, ...moved });
    }
  });

  it('pairs the first sample with the last, and a middle one with itself', async () => {
    const x = operand('x', [3, 2, 2, 1]);
    const y = operand('y', [3, 2, 2, 1]);
    const samples = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    const mix = [call('mix', { x, y, mixture })];
    for (const { backend } of [...candidates, { backend: new ReferenceBackend() }]) {
      backend.write(x, samples);
      backend.write(mixture, mixtureOf({ share: 0.25 }));
      backend.run(backend.compile(mix));
      expect([...(await backend.read(y))]).toEqual([3, 4, 5, 6, 5, 6, 7, 8, 7, 8, 9, 10]);
      backend.write(mixture, mixtureOf({ left: 1, top: 0, width: 1, height: 2 }));
      backend.run(backend.compile(mix));
      expect([...(await backend.read(y))]).toEqual([1, 10, 3, 12, 5, 6, 7, 8, 9, 2, 11, 4]);
    }
  });
});

describe('cross entropy of mixed samples', () => {
  const mixed = (N: number, L: number, smoothing: number) =>
    call('mixedCrossEntropy', {
      logits: operand('logits', [N, L]),
      labels: operand('labels', [N], 'i32'),
      mixture,
      dlogits: operand('dlogits', [N, L]),
      totals: operand('totals', [3], 'f64'),
      smoothing,
    });

  it.each([
    [1, 7],
    [4, 3],
    [65, 7],
  ])('%d rows of %d labels', async (N, L) => {
    const labels = randomIntegers(N, L, 2);
    for (const smoothing of [0, 0.125]) {
      for (const labelShare of [0, 0.25, 1]) {
        const contents = { labels, mixture: mixtureOf({ labelShare, share: 0.9 }), totals: [5.5, 3, 17] };
        await checkCall(candidates, { call: mixed(N, L, smoothing), contents });
      }
    }
  });

  it('is the mean of the losses of both labels, weighted by their shares', async () => {
    const [N, L] = [6, 5];
    const labels = [0, 1, 2, 2, 4, 1];
    const scores = randomValues(N * L, 4);
    const made = mixed(N, L, 0.1);
    if (made.kernel !== 'mixedCrossEntropy') throw new Error(made.kernel);
    const { mixture: _, ...args } = made.args;
    const plain = call('crossEntropy', args);
    for (const { backend, eps } of [
      ...candidates.map(({ backend }) => ({ backend, eps: 6 })),
      { backend: new ReferenceBackend(), eps: 14 },
    ]) {
      const resultOf = async (of: Call, which: readonly number[]) => {
        backend.write(args.logits, scores);
        backend.write(args.labels, which);
        backend.write(args.totals, [0, 0, 0]);
        backend.run(backend.compile([of]));
        return [...(await backend.read(args.totals)), ...(await backend.read(args.dlogits))];
      };
      backend.write(mixture, mixtureOf({ labelShare: 0.25 }));
      const both = await resultOf(made, labels);
      const own = await resultOf(plain, labels);
      const partners = await resultOf(plain, [...labels].reverse());
      expect(both).toHaveLength(3 + sizeOf([N, L]));
      both.forEach((value, i) => {
        expect(value).toBeCloseTo(0.75 * own[i] + 0.25 * partners[i], eps);
      });
    }
  });
});
