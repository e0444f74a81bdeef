import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Candidate, closeBackends, openBackends } from '../../../../test/backends.ts';
import { checkCall, operand, randomIntegers, randomValues } from '../../../../test/check-ops.ts';
import { type Call, call } from '../../kernels.ts';
import { ReferenceBackend } from '../reference.ts';

describe('cross entropy', () => {
  let candidates: Candidate[] = [];
  beforeAll(async () => {
    candidates = await openBackends();
  });
  afterAll(() => closeBackends(candidates));

  const crossEntropy = (N: number, L: number, smoothing: number): Call =>
    call('crossEntropy', {
      logits: operand('logits', [N, L]),
      labels: operand('labels', [N], 'i32'),
      dlogits: operand('dlogits', [N, L]),
      totals: operand('totals', [3], 'f64'),
      smoothing,
    });

  const distill = (N: number, L: number, temperature: number, share: number): Call =>
    call('distill', {
      logits: operand('logits', [N, L]),
      teacher: operand('teacher', [N, L]),
      dlogits: operand('dlogits', [N, L]),
      temperature,
      share,
    });

  it.each([
    [1, 7],
    [3, 2],
    [64, 7],
    [65, 10],
  ])('%d rows of %d labels', async (N, L) => {
    const labels = randomIntegers(N, L, 2);
    for (const smoothing of [0, 0.125]) {
      for (const size of [1, 30, 1e-3]) {
        const logits = randomValues(N * L, 3).map((value) => value * size);
        const contents = { logits, labels, totals: [5.5, 3, 17] };
        await checkCall(candidates, { call: crossEntropy(N, L, smoothing), contents });
      }
    }
  });

  it('survives logits of any size', async () => {
    const logits = [1e30, 0, -1e30, 3e38, -3e38, 1, 800, 0, -800, -1e4, -1e4, -1e4 + 1];
    const contents = { logits, labels: [0, 1, 2, 2], totals: [0, 0, 0] };
    await checkCall(candidates, { call: crossEntropy(4, 3, 0.125), contents });
  });

  it('lets what is not finite through', async () => {
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
    const logits = [nan, 0, 1, 0, 1, nan, infinity, 0, 0, -infinity, -infinity, -infinity, 0, -infinity, 1];
    const contents = { logits, labels: [0, 1, 0, 2, 2], totals: [0, 0, 0] };
    await checkCall(candidates, { call: crossEntropy(5, 3, 0), contents, nonFinite: true });
  });

  it('is the log of the number of labels where all scores are equal', async () => {
    const one = crossEntropy(4, 7, 0.1);
    if (one.kernel !== 'crossEntropy') throw new Error(one.kernel);
    const { logits, labels, totals } = one.args;
    for (const { backend } of [...candidates, { backend: new ReferenceBackend() }]) {
      backend.write(logits, new Float32Array(28).fill(-3));
      backend.write(labels, [0, 1, 2, 3]);
      backend.write(totals, [0, 0, 0]);
      backend.run(backend.compile([one]));
      const [loss, correct, count] = await backend.read(totals);
      expect(loss / 4).toBeCloseTo(Math.log(7), 7);
      // The first of equals is the prediction.
      expect([correct, count]).toEqual([1, 4]);
    }
  });

  it.each([
    [1, 7],
    [3, 2],
    [64, 7],
    [65, 10],
  ])('towards the answers of a teacher, %d rows of %d labels', async (N, L) => {
    for (const size of [1, 30, 1e-3, 1e30]) {
      const logits = randomValues(N * L, 3).map((value) => value * size);
      const teacher = randomValues(N * L, 4).map((value) => value * size);
      for (const [temperature, share] of [
        [1, 0.5],
        [4, 0.875],
        [0.5, 1],
      ]) {
        const contents = { logits, teacher, dlogits: randomValues(N * L, 5) };
        await checkCall(candidates, { call: distill(N, L, temperature, share), contents });
      }
    }
  });

  it('towards a teacher, lets what is not finite through', async () => {
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
    const logits = [nan, 0, 1, 0, 1, 2, infinity, 0, 0, 0, 0, 0];
    const teacher = [0, 1, 2, 0, nan, 1, 0, 0, 0, 0, infinity, 0];
    const contents = { logits, teacher, dlogits: new Array(12).fill(0.25) };
    await checkCall(candidates, { call: distill(4, 3, 2, 0.5), contents, nonFinite: true });
  });

  it('with its answers, leaves the share of the labels alone', async () => {
    const one = distill(2, 3, 2, 0.25);
    if (one.kernel !== 'distill') throw new Error(one.kernel);
    const { logits, teacher, dlogits } = one.args;
    for (const { backend } of [...candidates, { backend: new ReferenceBackend() }]) {
      backend.write(logits, [3, -1, 0.5, 0, 8, 1]);
      // A constant more is the same answer.
      backend.write(teacher, [4, 0, 1.5, -2, 6, -1]);
      backend.write(dlogits, [4, -8, 1, 0, 2, -2]);
      backend.run(backend.compile([one]));
      expect(Array.from(await backend.read(dlogits), Math.fround)).toEqual([3, -6, 0.75, 0, 1.5, -1.5]);
    }
  });

  it.each([
    [1, 1, 0],
    [5, 10, 0],
    [4, 10, 3],
    [3, 1, 7],
  ])('%d images of %d crops averaged, from row %d on', async (images, crops, start) => {
    const logits = operand('logits', [images * crops, 7]);
    const out = operand('out', [start + images + 2, 7]);
    const step = operand('step', [4], 'i32');
    const contents = { step: [0, 0, start, 0] };
    await checkCall(candidates, { call: call('averageCrops', { logits, out, step, crops }), contents });
  });
});
