import { describe, expect, it } from 'vitest';
import { checkCall, operand, randomIntegers, randomValues } from '../../../../test/check-ops.ts';
import { type Bound, expectSame } from '../../../../test/compare.ts';
import { gpuCandidates, hasGpu } from '../../../../test/gpu.ts';
import { type Call, call, HYPER, MIXTURE } from '../../kernels.ts';
import { bits, keyOf, STREAMS } from '../../random.ts';
import { sizeOf } from '../../tensor.ts';

/** One, odd, in fours, a workgroup of fours, one more and many. */
const LENGTHS = [1, 7, 16, 1024, 1028, 40007];
const exact = { growth: 0 };

describe.runIf(hasGpu)('elementwise kernels on a GPU', () => {
  const candidates = gpuCandidates();

  const notFinite = (length: number): Float32Array => {
    const kinds = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
    return randomValues(length, 9).map((value, i) => (i % 3 === 0 ? kinds[i % 4] : value));
  };

  it.each(LENGTHS)('relu and add of %d', async (length) => {
    const of = (name: string) => operand(name, [length]);
    const [x, y, dy, a, b] = ['x', 'y', 'dy', 'a', 'b'].map(of);
    const contents = { x: notFinite(length), y: notFinite(length), dy: notFinite(length).reverse() };
    const trial = { bounds: { y: exact, dx: exact } };
    const forward = call('relu.forward', { x, y });
    await checkCall(candidates, { ...trial, call: forward });
    await checkCall(candidates, { ...trial, call: forward, contents, nonFinite: true });
    for (const dx of [of('dx'), dy]) {
      const backward = call('relu.backward', { y, dy, dx });
      await checkCall(candidates, { ...trial, call: backward });
      await checkCall(candidates, { ...trial, call: backward, contents, nonFinite: true });
    }
    for (const sum of [y, a]) await checkCall(candidates, { call: call('add', { a, b, y: sum }) });
  });

  it.each(LENGTHS)('dropout of %d', async (length) => {
    const step = operand('step', [4], 'i32');
    const contents = { step: [-7, 3, 5, 11] };
    const [x, y, dy] = ['x', 'y', 'dy'].map((name) => operand(name, [length]));
    for (const [p, layer] of [
      [0.2, 0],
      [0, 2],
    ]) {
      await checkCall(candidates, { call: call('dropout.forward', { x, y, step, p, layer }), contents });
      for (const dx of [operand('dx', [length]), dy]) {
        await checkCall(candidates, { call: call('dropout.backward', { dy, dx, step, p, layer }), contents });
      }
    }
  });

  it('draws the mask of dropout as the CPU does', async () => {
    const [{ backend }] = candidates;
    const length = 4000;
    const [x, y] = [operand('x', [length]), operand('y', [length])];
    const step = operand('step', [4], 'i32');
    const key = keyOf(3, STREAMS.dropout, 12, 1);
    const mask = Float32Array.from({ length }, (_, i) => Number(bits(key, i) / 2 ** 32 >= 0.3));
    backend.write(x, new Float32Array(length).fill(1));
    backend.write(step, [3, 99, 99, 12]);
    backend.run(backend.compile([call('dropout.forward', { x, y, step, p: 0.3, layer: 1 })]));
    expectSame(
      Float32Array.from(await backend.read(y), (value) => Number(value !== 0)),
      mask,
      'the mask',
    );
  });

  it.each([
    [1, 1, 1, 4],
    [3, 5, 1, 7],
    [9, 2, 3, 130],
  ])('flatten of [%d, %d, %d, %d]', async (N, H, W, C) => {
    const images = (name: string) => operand(name, [N, H, W, C]);
    const rows = (name: string) => operand(name, [N, H * W * C]);
    const forward = call('flatten.forward', { x: images('x'), y: rows('y') });
    const backward = call('flatten.backward', { dy: rows('dy'), dx: images('dx') });
    await checkCall(candidates, { call: forward, bounds: { y: exact } });
    await checkCall(candidates, { call: backward, bounds: { dx: exact } });
  });

  it.each([
    [1, 40, 40, 1],
    [2, 3, 5, 1],
    [7, 6, 4, 3],
  ])('mix of [%d, %d, %d, %d]', async (...shape) => {
    const [, H, W] = shape;
    const mixture = operand('mixture', [MIXTURE.length]);
    const mix = call('mix', { x: operand('x', shape), y: operand('y', shape), mixture });
    for (const [share, left, top, width, height] of [
      [0, 0, 0, 0, 0],
      [0.3, 0, 0, 0, 0],
      [0, 1, 1, W - 2, H - 2],
      [0.5, W - 1, H - 1, 1, 1],
    ]) {
      await checkCall(candidates, {
        call: mix,
        contents: { mixture: [share, left, top, width, height, 0.7] },
      });
    }
  });
});

/** Every slot with a value of its own, so that one taken for another shows. */
const HYPER_VALUES = [0.25, 0.875, 0.5, 0.03125, 0.125, 0.375, 0.75, 0.625, 1.25, 0.0625, 0.1875];

describe.runIf(hasGpu)('optimizers on a GPU', () => {
  const candidates = gpuCandidates();

  const calls = (length: number): Call[] => {
    const of = (name: string) => operand(name, [length]);
    const common = { param: of('param'), grad: of('grad'), hyper: operand('hyper', [HYPER.length], 'f64') };
    const moments = { mean: of('mean'), square: of('square') };
    return [true, false].flatMap((decay) => [
      call('sgd', { ...common, velocity: of('velocity'), decay, nesterov: false }),
      call('sgd', { ...common, velocity: of('velocity'), decay, nesterov: true }),
      call('adam', { ...common, ...moments, decay }),
      call('amsgrad', { ...common, ...moments, maximum: of('maximum'), decay }),
      call('adadelta', { ...common, square: of('square'), delta: of('delta'), decay }),
      call('adagrad', { ...common, sum: of('sum'), decay }),
    ]);
  };

  it.each([4, 1028, 20000])('of %d', async (length) => {
    for (const made of calls(length)) {
      const squares = ['square', 'delta', 'maximum', 'sum'].filter((name) => name in made.args);
      const contents = {
        hyper: HYPER_VALUES,
        ...Object.fromEntries(squares.map((name, i) => [name, randomValues(length, 20 + i).map(Math.abs)])),
      };
      const bounds = { param: { growth: 8 }, delta: { growth: 4 } };
      await checkCall(candidates, { call: made, contents, bounds });
    }
  });

  it.each([1, 7, 1028, 20000, 1_200_001])('sharpness of %d', async (length) => {
    const [x, y, param, grad, start] = ['x', 'y', 'param', 'grad', 'start'].map((name) =>
      operand(name, [length]),
    );
    const squareSum = operand('squareSum', [1]);
    const squares = call('squareSum', { x, sum: operand('sum', [1]) });
    await checkCall(candidates, { call: squares, bounds: { sum: { growth: 16 } } });
    const up = call('ascend', { param, grad, start, squareSum, radius: 0.25 });
    for (const [sum, nonFinite] of [
      [length / 3, false],
      [Number.POSITIVE_INFINITY, true],
    ] as const)
      await checkCall(candidates, {
        call: up,
        contents: { squareSum: [sum] },
        nonFinite,
        bounds: { start: exact },
      });
    await checkCall(candidates, { call: call('copy', { x, y }), bounds: { y: exact } });
  });

  it('let what is not finite through', async () => {
    const length = 20;
    const grad = randomValues(length, 5);
    grad.set([0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    for (const made of calls(length)) {
      const state = Object.keys(made.args).filter((name) => !['param', 'grad', 'hyper'].includes(name));
      const zeros = Object.fromEntries(state.map((name) => [name, new Float32Array(length)]));
      const contents = { ...zeros, grad, hyper: HYPER_VALUES };
      await checkCall(candidates, {
        call: made,
        contents,
        nonFinite: true,
        bounds: { param: { growth: 8 } },
      });
    }
  });

  it.each([1, 3, 4, 1028])('average of %d', async (length) => {
    const [{ backend }] = candidates;
    const [value, average] = [operand('value', [length]), operand('average', [length])];
    const hyper = operand('hyper', [HYPER.length], 'f64');
    const made = call('average', { value, average, hyper });
    for (const share of [0.1875, 1, 0]) {
      const contents = { hyper: [...HYPER_VALUES.slice(0, HYPER.average), share] };
      const bounds: Record<string, Bound> = share === 0.1875 ? {} : { average: exact };
      await checkCall(candidates, { call: made, contents, bounds });
    }
    backend.write(hyper, [...HYPER_VALUES.slice(0, HYPER.average), 1]);
    backend.write(value, randomValues(length, 1));
    backend.write(average, new Float32Array(length).fill(Number.NaN));
    backend.run(backend.compile([made]));
    expectSame(Float32Array.from(await backend.read(average)), randomValues(length, 1), 'a copy');
  });
});

describe.runIf(hasGpu)('loss on a GPU', () => {
  const candidates = gpuCandidates();

  const operands = (N: number, L: number) => ({
    logits: operand('logits', [N, L]),
    labels: operand('labels', [N], 'i32'),
    dlogits: operand('dlogits', [N, L]),
    totals: operand('totals', [3], 'f64'),
  });
  const mixture = operand('mixture', [MIXTURE.length]);
  // The exponential of a GPU has a few units of error.
  const bounds = { dlogits: { growth: 8 } };

  it.each([
    [1, 7],
    [3, 2],
    [65, 10],
    [300, 7],
  ])('%d rows of %d labels', async (N, L) => {
    const labels = randomIntegers(N, L, 2);
    for (const smoothing of [0, 0.125]) {
      for (const size of [1, 30, 1e-3, 1e30]) {
        const logits = randomValues(N * L, 3).map((value) => value * size);
        const contents = { logits, labels, totals: [5.5, 3, 17] };
        const plain = call('crossEntropy', { ...operands(N, L), smoothing });
        await checkCall(candidates, { call: plain, contents, bounds });
      }
      for (const [temperature, share] of [
        [1, 0.5],
        [4, 0.875],
      ]) {
        const { logits, dlogits } = operands(N, L);
        const teacher = operand('teacher', [N, L]);
        const one = call('distill', { logits, teacher, dlogits, temperature, share });
        for (const size of [1, 30, 1e30]) {
          const contents = {
            logits: randomValues(N * L, 3).map((value) => value * size),
            teacher: randomValues(N * L, 4).map((value) => value * size),
            dlogits: randomValues(N * L, 5),
          };
          await checkCall(candidates, { call: one, contents, bounds });
        }
      }
      for (const labelShare of [0, 0.25, 1]) {
        const contents = { labels, mixture: [0.9, 0, 0, 0, 0, labelShare], totals: [5.5, 3, 17] };
        const mixed = call('mixedCrossEntropy', { ...operands(N, L), mixture, smoothing });
        await checkCall(candidates, { call: mixed, contents, bounds });
      }
    }
  });

  it('lets what is not finite through', async () => {
    const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
    const logits = [nan, 0, 1, 0, 1, nan, infinity, 0, 0, -infinity, -infinity, -infinity, 0, -infinity, 1];
    const contents = { logits, labels: [0, 1, 0, 2, 2], totals: [0, 0, 0] };
    const plain = call('crossEntropy', { ...operands(5, 3), smoothing: 0 });
    await checkCall(candidates, { call: plain, contents, bounds, nonFinite: true });
    const { logits: own, dlogits } = operands(5, 3);
    const teacher = operand('teacher', [5, 3]);
    const distill = call('distill', { logits: own, teacher, dlogits, temperature: 2, share: 0.5 });
    const finite = new Array(15).fill(0.25);
    const taught = { logits: finite, teacher: logits, dlogits: finite };
    // A row of the teacher's has an answer where only some of its scores are -Infinity.
    await checkCall(candidates, { call: distill, contents: taught, bounds, nonFinite: true });
  });

  it('adds up many steps without losing digits', async () => {
    const [{ backend }] = candidates;
    const { logits, labels, dlogits, totals } = operands(1, 2);
    const program = backend.compile([
      call('crossEntropy', { logits, labels, dlogits, totals, smoothing: 0 }),
    ]);
    backend.write(logits, [0, 0]);
    backend.write(labels, [0]);
    // Where one float32 would have a spacing of 1/4.
    const start = 2 ** 21 + 0.125;
    backend.write(totals, [start, 0, 0]);
    const steps = 400;
    for (let i = 0; i < steps; i++) backend.run(program);
    const [loss, correct, samples] = await backend.read(totals);
    expect(Math.abs(loss - start - steps * Math.LN2)).toBeLessThan(1e-4);
    expect([correct, samples]).toEqual([steps, steps]);
  });

  it.each([
    [1, 1, 0],
    [5, 10, 0],
    [4, 10, 3],
    [30, 1, 7],
  ])('%d images of %d crops averaged, from row %d on', async (images, crops, start) => {
    const logits = operand('logits', [images * crops, 7]);
    const out = operand('out', [start + images + 2, 7]);
    const step = operand('step', [4], 'i32');
    expect(sizeOf(logits.shape)).toBe(images * crops * 7);
    const contents = { step: [0, 0, start, 0] };
    await checkCall(candidates, { call: call('averageCrops', { logits, out, step, crops }), contents });
  });
});
