import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Candidate, closeBackends, openBackends } from '../../../../test/backends.ts';
import { checkCall, operand, randomValues } from '../../../../test/check-ops.ts';
import { expectSame } from '../../../../test/compare.ts';
import { type Call, call, HYPER } from '../../kernels.ts';
import { ReferenceBackend } from '../reference.ts';

/** Four, a few vectors, a block of 16384, one vector more and several. */
const LENGTHS = [4, 16, 16384, 16388, 50000];

/** Every slot with a value of its own, so that one taken for another shows. */
const SLOTS = {
  lr: 0.25,
  momentum: 0.875,
  weightDecay: 0.5,
  decayAll: 0.03125,
  shrink: 0.125,
  meanShare: 0.375,
  squareDecay: 0.75,
  squareShare: 0.625,
  rootScale: 1.25,
  eps: 0.0625,
  average: 0.1875,
} satisfies Record<Exclude<keyof typeof HYPER, 'length'>, number>;
const hyperOf = (slots: Partial<typeof SLOTS>): Float64Array => {
  const values = new Float64Array(HYPER.length);
  for (const [name, value] of Object.entries({ ...SLOTS, ...slots })) {
    values[HYPER[name as keyof typeof SLOTS]] = value;
  }
  return values;
};

let candidates: Candidate[] = [];
beforeAll(async () => {
  candidates = await openBackends();
});
afterAll(() => closeBackends(candidates));

const hyper = operand('hyper', [HYPER.length], 'f64');
const KERNELS: Record<string, (length: number, decay: boolean) => Call> = {
  sgd: (length, decay) =>
    call('sgd', { ...common(length), velocity: of('velocity', length), decay, nesterov: false }),
  'sgd, nesterov': (length, decay) =>
    call('sgd', { ...common(length), velocity: of('velocity', length), decay, nesterov: true }),
  adam: (length, decay) => call('adam', { ...common(length), ...moments(length), decay }),
  amsgrad: (length, decay) =>
    call('amsgrad', { ...common(length), ...moments(length), maximum: of('maximum', length), decay }),
  adadelta: (length, decay) =>
    call('adadelta', { ...common(length), square: of('square', length), delta: of('delta', length), decay }),
  adagrad: (length, decay) => call('adagrad', { ...common(length), sum: of('sum', length), decay }),
};

function of(name: string, length: number) {
  return operand(name, [length]);
}

function common(length: number) {
  return { param: of('param', length), grad: of('grad', length), hyper };
}

function moments(length: number) {
  return { mean: of('mean', length), square: of('square', length) };
}

/** Sums of squares are never negative. */
const positive = (length: number, seed: number): Float32Array => randomValues(length, seed).map(Math.abs);

describe.each(Object.keys(KERNELS))('%s', (name) => {
  it.each(LENGTHS)('of %d', async (length) => {
    for (const decay of [true, false]) {
      const made = KERNELS[name](length, decay);
      const squares = ['square', 'delta', 'maximum', 'sum'].filter((operand) => operand in made.args);
      const contents = {
        hyper: hyperOf({}),
        ...Object.fromEntries(squares.map((operand, i) => [operand, positive(length, 20 + i)])),
      };
      // A dozen roundings on the way to a parameter, in units of its largest value.
      await checkCall(candidates, { call: made, contents, bounds: { param: { growth: 8 } } });
    }
  });

  it('starts from nothing and lets what is not finite through', async () => {
    const length = 20;
    const grad = randomValues(length, 5);
    grad.set([0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e-30]);
    const made = KERNELS[name](length, false);
    const zeros = Object.keys(made.args).filter((operand) =>
      ['velocity', 'mean', 'square', 'delta', 'maximum', 'sum'].includes(operand),
    );
    const contents = {
      grad,
      hyper: hyperOf({ decayAll: 0 }),
      ...Object.fromEntries(zeros.map((operand) => [operand, new Float32Array(length)])),
    };
    await checkCall(candidates, { call: made, contents, nonFinite: true, bounds: { param: { growth: 8 } } });
  });
});

describe('sharpness', () => {
  const ascent = (length: number): Call => {
    const [param, grad, start] = ['param', 'grad', 'start'].map((name) => of(name, length));
    return call('ascend', { param, grad, start, squareSum: of('n', 1), radius: 0.25 });
  };

  it.each([1, 3, ...LENGTHS, 16385])('of %d', async (length) => {
    const x = of('x', length);
    await checkCall(candidates, {
      call: call('squareSum', { x, sum: of('sum', 1) }),
      bounds: { sum: { growth: 16 } },
    });
    const up = ascent(length);
    const bounds = { start: { growth: 0 } };
    await checkCall(candidates, { call: up, contents: { squareSum: [length / 3] }, bounds });
    await checkCall(candidates, {
      call: call('copy', { x, y: of('y', length) }),
      bounds: { y: { growth: 0 } },
    });
  });

  it('stays where there is no slope, and lets what is not finite through', async () => {
    const length = 20;
    const up = ascent(length);
    const contents = { grad: new Float32Array(length), squareSum: [0] };
    await checkCall(candidates, { call: up, contents, bounds: { param: { growth: 0 } } });
    const odd = randomValues(length, 5);
    odd.set([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    await checkCall(candidates, { call: up, contents: { grad: odd, squareSum: [3] }, nonFinite: true });
    for (const sum of [Number.NaN, Number.POSITIVE_INFINITY])
      await checkCall(candidates, { call: up, contents: { squareSum: [sum] }, nonFinite: true });
    const squares = call('squareSum', { x: of('x', length), sum: of('sum', 1) });
    await checkCall(candidates, { call: squares, contents: { x: odd }, nonFinite: true });
  });
});

describe('average', () => {
  // Statistics need not be a multiple of four.
  it.each([1, 3, ...LENGTHS, 16385])('of %d', async (length) => {
    const average = call('average', { value: of('value', length), average: of('average', length), hyper });
    await checkCall(candidates, { call: average, contents: { hyper: hyperOf({}) } });
    const copied = { hyper: hyperOf({ average: 1 }) };
    await checkCall(candidates, { call: average, contents: copied, bounds: { average: { growth: 0 } } });
    const kept = { hyper: hyperOf({ average: 0 }) };
    await checkCall(candidates, { call: average, contents: kept, bounds: { average: { growth: 0 } } });
  });

  it('with a share of 1 forgets what it was, even if that was no number', async () => {
    const value = operand('value', [9]);
    const average = operand('average', [9]);
    const values = randomValues(9, 1);
    for (const { backend } of [...candidates, { backend: new ReferenceBackend() }]) {
      backend.write(hyper, hyperOf({ average: 1 }));
      backend.write(value, values);
      backend.write(average, new Float32Array(9).fill(Number.NaN));
      backend.run(backend.compile([call('average', { value, average, hyper })]));
      expectSame(Float32Array.from(await backend.read(average)), values, backend.describe());
    }
  });

  it('follows a constant as its share says', async () => {
    const value = operand('value', [4]);
    const average = operand('average', [4]);
    for (const { backend } of candidates) {
      const program = backend.compile([call('average', { value, average, hyper })]);
      backend.write(value, [1, 1, 1, 1]);
      backend.write(average, [0, 0, 0, 0]);
      backend.write(hyper, hyperOf({ average: 0.001 }));
      for (let step = 0; step < 1000; step++) backend.run(program);
      expect((await backend.read(average))[0]).toBeCloseTo(1 - 0.999 ** 1000, 5);
    }
  });
});
