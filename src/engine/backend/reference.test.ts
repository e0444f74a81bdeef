import { describe, expect, it } from 'vitest';
import { randomIntegers, randomValues } from '../../../test/check-ops.ts';
import { ran } from '../../../test/ran.ts';
import { type Call, call } from '../kernels.ts';
import { sizeOf, type Tensor, tensor, view } from '../tensor.ts';
import { ReferenceBackend } from './reference.ts';

/** A gradient and the operand it belongs to. */
type Pair = readonly [operand: Tensor, gradient: Tensor];

const persistent = (name: string, shape: readonly number[], dtype: 'f32' | 'i32' | 'f64' = 'f32'): Tensor =>
  tensor(name, shape, dtype, 'persistent');

/** Step of the central difference, and what its curvature and rounding leave at most. */
const STEP = 1e-5;
const TOLERANCE = 1e-7;

/** Fills operands with seeded values. */
async function seeded(operands: readonly Tensor[], values: Record<string, ArrayLike<number>> = {}) {
  const backend = new ReferenceBackend();
  operands.forEach((of, i) => {
    backend.write(of, values[of.buffer.name] ?? randomValues(sizeOf(of.shape), i + 1));
  });
  return backend;
}

/** Compares each element's gradient with the central difference of `loss`. */
async function checkGradients(
  backend: ReferenceBackend,
  backward: readonly Call[],
  pairs: readonly Pair[],
  loss: () => Promise<number>,
): Promise<void> {
  await loss();
  backend.run(backend.compile(backward));
  for (const [operand, gradient] of pairs) {
    const values = Float64Array.from(await backend.read(operand));
    const analytic = await backend.read(gradient);
    const scale = Math.max(...analytic.map(Math.abs));
    expect(scale, operand.buffer.name).toBeGreaterThan(0);
    for (let i = 0; i < values.length; i++) {
      const at = async (value: number): Promise<number> => {
        backend.write(
          operand,
          values.map((old, j) => (j === i ? value : old)),
        );
        return loss();
      };
      const slope = ((await at(values[i] + STEP)) - (await at(values[i] - STEP))) / (2 * STEP);
      expect(Math.abs(slope - analytic[i]) / scale, `${operand.buffer.name}[${i}]`).toBeLessThan(TOLERANCE);
    }
    backend.write(operand, values);
  }
}

/** Σ cotangent · y after the forward calls. */
function weighted(backend: ReferenceBackend, forward: readonly Call[], y: Tensor, cotangent: Tensor) {
  const program = backend.compile(forward);
  return async (): Promise<number> => {
    backend.run(program);
    const values = Float64Array.from(await backend.read(y));
    const weights = await backend.read(cotangent);
    return values.reduce((sum, value, i) => sum + value * weights[i], 0);
  };
}

describe('reference against finite differences', () => {
  it.each([
    [2, 4, 5, 2, 3],
    [1, 1, 1, 3, 2],
    [1, 2, 3, 1, 4],
  ])('convolution of [%d, %d, %d, %d] to %d channels', async (N, H, W, C, K) => {
    const [x, w, b] = [persistent('x', [N, H, W, C]), persistent('w', [K, C, 3, 3]), persistent('b', [K])];
    const [y, dy] = [persistent('y', [N, H, W, K]), persistent('dy', [N, H, W, K])];
    const [dx, dw, db] = [persistent('dx', x.shape), persistent('dw', w.shape), persistent('db', b.shape)];
    const backend = await seeded([x, w, b, dy]);
    await checkGradients(
      backend,
      [call('conv3x3.backwardInput', { dy, w, dx }), call('conv3x3.backwardWeight', { x, dy, dw, db })],
      [
        [x, dx],
        [w, dw],
        [b, db],
      ],
      weighted(backend, [call('conv3x3.forward', { x, w, b, y })], y, dy),
    );
  });

  it.each([
    [1, 3, 2],
    [5, 7, 4],
    [9, 4, 5],
  ])('linear layer, %d rows, %d to %d features', async (N, I, O) => {
    const [x, w, b] = [persistent('x', [N, I]), persistent('w', [O, I]), persistent('b', [O])];
    const [y, dy] = [persistent('y', [N, O]), persistent('dy', [N, O])];
    const [dx, dw, db] = [persistent('dx', x.shape), persistent('dw', w.shape), persistent('db', b.shape)];
    const backend = await seeded([x, w, b, dy]);
    await checkGradients(
      backend,
      [call('linear.backwardInput', { dy, w, dx }), call('linear.backwardWeight', { x, dy, dw, db })],
      [
        [x, dx],
        [w, dw],
        [b, db],
      ],
      weighted(backend, [call('linear.forward', { x, w, b, y })], y, dy),
    );
  });

  const norm = (shape: readonly number[]) => ({
    x: persistent('x', shape),
    gamma: persistent('gamma', [shape[3]]),
    beta: persistent('beta', [shape[3]]),
    runningMean: persistent('runningMean', [shape[3]]),
    runningVar: persistent('runningVar', [shape[3]]),
    saved: persistent('saved', [2, shape[3]]),
    y: persistent('y', shape),
    dy: persistent('dy', shape),
    dx: persistent('dx', shape),
    dgamma: persistent('dgamma', [shape[3]]),
    dbeta: persistent('dbeta', [shape[3]]),
    eps: 1e-5,
    momentum: 0.1,
  });

  it.each([true, false])('batch norm in training mode, relu %s', async (relu) => {
    const args = { ...norm([3, 2, 2, 3]), relu };
    const { x, gamma, beta, dy, dx, dgamma, dbeta, y } = args;
    const backend = await seeded([x, gamma, beta, dy]);
    await checkGradients(
      backend,
      [call('batchNorm.backward', args)],
      [
        [x, dx],
        [gamma, dgamma],
        [beta, dbeta],
      ],
      weighted(backend, [call('batchNorm.forward', args)], y, dy),
    );
  });

  it.each([true, false])('batch norm in evaluation mode, relu %s', async (relu) => {
    const args = { ...norm([2, 3, 1, 4]), relu };
    const { x, gamma, beta, runningMean, runningVar, dy, dx, y } = args;
    const backend = await seeded([x, gamma, beta, runningMean, runningVar, dy], {
      runningVar: [0.5, 1, 1.5, 2],
    });
    const forward = [call('batchNorm.evaluate', args)];
    await checkGradients(
      backend,
      [call('batchNorm.evaluateBackward', args)],
      [[x, dx]],
      weighted(backend, forward, y, dy),
    );
  });

  it('max pooling, odd sides', async () => {
    const [x, dx] = [persistent('x', [2, 5, 4, 3]), persistent('dx', [2, 5, 4, 3])];
    const [y, dy] = [persistent('y', [2, 2, 2, 3]), persistent('dy', [2, 2, 2, 3])];
    const backend = await seeded([x, dy]);
    const backward = [call('maxPool2.backward', { x, dy, dx })];
    await checkGradients(
      backend,
      backward,
      [[x, dx]],
      weighted(backend, [call('maxPool2.forward', { x, y })], y, dy),
    );
  });

  it('relu, dropout, flatten and add', async () => {
    const rows = (name: string): Tensor => persistent(name, [2, 12]);
    const images = (name: string): Tensor => persistent(name, [2, 2, 3, 2]);
    const step = persistent('step', [4], 'i32');
    const [x, flat, dropped, cut, y] = [images('x'), rows('flat'), rows('dropped'), rows('cut'), rows('y')];
    const [dy, dcut, ddropped, dx] = [rows('dy'), rows('dcut'), rows('ddropped'), images('dx')];
    const backend = await seeded([x, dy]);
    backend.write(step, [1, 2, 3, 4]);
    const draw = { step, p: 0.4, layer: 2 };
    const forward = [
      call('flatten.forward', { x, y: flat }),
      call('dropout.forward', { x: flat, y: dropped, ...draw }),
      call('relu.forward', { x: dropped, y: cut }),
      call('add', { a: cut, b: cut, y }),
    ];
    const backward = [
      call('add', { a: dy, b: dy, y: dcut }),
      call('relu.backward', { y: cut, dy: dcut, dx: ddropped }),
      call('dropout.backward', { dy: ddropped, dx: ddropped, ...draw }),
      call('flatten.backward', { dy: ddropped, dx }),
    ];
    await checkGradients(backend, backward, [[x, dx]], weighted(backend, forward, y, dy));
  });

  it.each([0, 0.1])('cross entropy, smoothing %d', async (smoothing) => {
    const [logits, dlogits] = [persistent('logits', [5, 7]), persistent('dlogits', [5, 7])];
    const [labels, totals] = [persistent('labels', [5], 'i32'), persistent('totals', [3], 'f64')];
    const backend = await seeded([logits]);
    backend.write(labels, randomIntegers(5, 7, 1));
    const calls = [call('crossEntropy', { logits, labels, dlogits, totals, smoothing })];
    const program = backend.compile(calls);
    await checkGradients(backend, calls, [[logits, dlogits]], async () => {
      backend.write(totals, [0, 0, 0]);
      backend.run(program);
      return (await backend.read(totals))[0] / 5;
    });
  });
});

describe('reference against formulas', () => {
  it('convolves by the definition', async () => {
    const [N, H, W, C, K] = [2, 4, 5, 3, 6];
    const [x, w, b] = [persistent('x', [N, H, W, C]), persistent('w', [K, C, 3, 3]), persistent('b', [K])];
    const y = persistent('y', [N, H, W, K]);
    const backend = await seeded([x, w, b]);
    backend.run(backend.compile([call('conv3x3.forward', { x, w, b, y })]));
    const [input, weights, bias, output] = await Promise.all([x, w, b, y].map((of) => backend.read(of)));
    for (let n = 0; n < N; n++) {
      for (let h = 0; h < H; h++) {
        for (let v = 0; v < W; v++) {
          for (let k = 0; k < K; k++) {
            let sum = bias[k];
            for (let c = 0; c < C; c++) {
              for (let r = 0; r < 3; r++) {
                for (let s = 0; s < 3; s++) {
                  const [row, column] = [h + r - 1, v + s - 1];
                  if (row < 0 || row >= H || column < 0 || column >= W) continue;
                  sum += input[((n * H + row) * W + column) * C + c] * weights[((k * C + c) * 3 + r) * 3 + s];
                }
              }
            }
            expect(output[((n * H + h) * W + v) * K + k]).toBeCloseTo(sum, 12);
          }
        }
      }
    }
  });

  it('takes the SGD steps of PyTorch', async () => {
    const [param, grad, velocity] = [persistent('p', [1]), persistent('g', [1]), persistent('v', [1])];
    const hyper = persistent('hyper', [4], 'f64');
    const backend = new ReferenceBackend();
    const stepped = async (decay: boolean, nesterov: boolean): Promise<number[]> => {
      backend.write(param, [2]);
      backend.write(grad, [0.5]);
      backend.write(velocity, [1]);
      backend.write(hyper, [0.1, 0.9, 0.01]);
      backend.run(backend.compile([call('sgd', { param, grad, velocity, hyper, decay, nesterov })]));
      return [(await backend.read(velocity))[0], (await backend.read(param))[0]];
    };
    const close = (actual: number[], [v, p]: number[]): void => {
      expect(actual[0]).toBeCloseTo(v, 14);
      expect(actual[1]).toBeCloseTo(p, 14);
    };
    close(await stepped(false, false), [1.4, 2 - 0.14]);
    close(await stepped(false, true), [1.4, 2 - 0.1 * (0.5 + 0.9 * 1.4)]);
    close(await stepped(true, false), [1.42, 2 - 0.142]);
    close(await stepped(true, true), [1.42, 2 - 0.1 * (0.52 + 0.9 * 1.42)]);
  });

  it('moves the running statistics by the unbiased variance', async () => {
    const [x, y] = [persistent('x', [4, 1, 1, 1]), persistent('y', [4, 1, 1, 1])];
    const [gamma, beta] = [persistent('gamma', [1]), persistent('beta', [1])];
    const [runningMean, runningVar] = [persistent('mean', [1]), persistent('var', [1])];
    const saved = persistent('saved', [2, 1]);
    const backend = new ReferenceBackend();
    backend.write(x, [1, 2, 3, 6]);
    backend.write(runningVar, [1]);
    const rest = { gamma, beta, runningMean, runningVar, saved, y, eps: 0, momentum: 0.1, relu: false };
    backend.run(backend.compile([call('batchNorm.forward', { x, ...rest })]));
    expect((await backend.read(runningMean))[0]).toBeCloseTo(0.3, 14);
    expect((await backend.read(runningVar))[0]).toBeCloseTo(0.9 + 0.1 * (14 / 3), 14);
    expect([...(await backend.read(saved))]).toEqual([3, 1 / Math.sqrt(3.5)]);
  });
});

describe('the contract of a backend', () => {
  const backend = new ReferenceBackend();
  ran(`reference: ${backend.describe()}`);

  it('runs on one thread', () => {
    expect([backend.name, backend.threads]).toEqual(['reference', 1]);
  });

  it('keeps persistent values and shares them among programs', async () => {
    const [a, b] = [persistent('a', [3]), persistent('b', [3])];
    expect([...(await backend.read(a))]).toEqual([0, 0, 0]);
    backend.write(a, [1, 2, 3]);
    backend.run(backend.compile([call('add', { a, b: a, y: b })]));
    backend.run(backend.compile([call('add', { a: b, b: a, y: a })]));
    expect([...(await backend.read(a))]).toEqual([3, 6, 9]);
    const copy = await backend.read(a);
    copy[0] = 100;
    expect((await backend.read(view(a, 0, [1])))[0]).toBe(3);
    backend.write(view(a, 1, [2]), [7]);
    expect([...(await backend.read(a))]).toEqual([3, 7, 9]);
  });

  it('shows a transient value that is read before it is written', async () => {
    const [a, y] = [tensor('a', [2]), persistent('y', [2])];
    const [fill, use] = [call('add', { a: y, b: y, y: a }), call('add', { a, b: a, y })];
    const program = backend.compile([fill, use]);
    backend.run(program);
    expect([...(await backend.read(a, program))]).toEqual([0, 0]);
    backend.run(backend.compile([use]));
    expect([...(await backend.read(y))]).toEqual([Number.NaN, Number.NaN]);
  });

  it('profiles every call', async () => {
    const [x, w, b, y] = [
      persistent('x', [2, 3]),
      persistent('w', [4, 3]),
      persistent('b', [4]),
      tensor('y', [2, 4]),
    ];
    const rows = backend.profile(
      backend.compile([call('linear.forward', { x, w, b, y }), call('relu.forward', { x: y, y })]),
    );
    expect(rows.map(({ kernel, multiplications }) => [kernel, multiplications])).toEqual([
      ['linear.forward', 24],
      ['relu.forward', 0],
    ]);
  });

  it('refuses what cannot be', async () => {
    const transient = tensor('t', [2]);
    const fixed = persistent('p', [2]);
    const program = backend.compile([call('add', { a: fixed, b: fixed, y: fixed })]);
    expect(() => backend.write(transient, [1])).toThrow('t is transient');
    expect(() => backend.write(fixed, [1, 2, 3])).toThrow('3 values for p of 2');
    await expect(backend.read(transient)).rejects.toThrow('say which program');
    await expect(backend.read(transient, program)).rejects.toThrow('not part of the program');
    expect(() => new ReferenceBackend().run({ calls: [] })).toThrow('another backend');
  });

  it('counts its memory and gives it back', async () => {
    const own = new ReferenceBackend();
    own.write(persistent('p', [100]), [1]);
    expect(own.memory).toBe(800);
    await own.close();
    expect(own.memory).toBe(0);
  });
});
