import { describe, expect, test } from 'vitest';
import { type FaceKernels, packedSize, packWeights } from './kernels.ts';
import { PlainKernels } from './plainKernels.ts';
import { hasSimd, WasmKernels } from './wasmKernels.ts';

const MEMORY = 8000;
const GUARD = 12_345;

let state = 1;
function random(): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 31 - 1;
}
const values = (length: number): Float32Array => Float32Array.from({ length }, random);

/** Memory with operands at odd places, and guards wherever nothing is to be written. */
class Bench {
  readonly kernels: FaceKernels;
  #end = 5;

  constructor(kernels: FaceKernels) {
    this.kernels = kernels;
    kernels.memory.fill(GUARD);
  }

  put(data: Float32Array): number {
    const at = this.#end;
    this.kernels.memory.set(data, at);
    this.#end += data.length + 3;
    return at;
  }

  /** Room for a result; the check that nothing around it was touched. */
  room(length: number): { at: number; expectValues(expected: readonly number[]): void } {
    const at = this.put(new Float32Array(length).fill(GUARD));
    const before = this.kernels.memory.slice();
    const expectValues = (expected: readonly number[]): void => {
      expect(expected).toHaveLength(length);
      const { memory } = this.kernels;
      const worst = Math.max(...expected.map((value, i) => Math.abs(value - memory[at + i])));
      expect(worst).toBeLessThan(1e-5);
      before.set(memory.subarray(at, at + length), at);
      expect(memory.findIndex((value, i) => value !== before[i])).toBe(-1);
    };
    return { at, expectValues };
  }
}

test('this Node has SIMD, so both kinds are tested', () => {
  expect(hasSimd()).toBe(true);
});

describe.each([
  ['TypeScript', () => new PlainKernels(MEMORY)],
  ['WebAssembly', () => new WasmKernels(MEMORY)],
] as const)('%s', (_, make) => {
  test.each([
    // P, C, K, R; -1: no residual
    [4, 3, 8, -1],
    [1, 1, 1, -1],
    [2, 5, 2, 2],
    [3, 7, 6, 4],
    [5, 4, 12, 12],
    [8, 28, 42, 36],
    [9, 75, 24, -1],
    [16, 36, 48, 42],
    [7, 16, 13, 9],
    [4, 8, 9, 1],
    [4, 8, 7, 7],
    [4, 2, 3, 2],
  ])('a product of %i pixels, %i to %i channels, residual of %i', (P, C, K, R) => {
    for (const relu of [false, true]) {
      const bench = new Bench(make());
      const { kernels } = bench;
      const [x, w, bias] = [values(P * C), values(K * C), values(K)];
      const residual = values(P * Math.max(R, 0));
      const packed = new Float32Array(packedSize(C, K, kernels.panel));
      packWeights(w, bias, kernels.panel, packed);
      const call = {
        x: bench.put(x),
        w: bench.put(packed),
        residual: R < 0 ? -1 : bench.put(residual),
        R: Math.max(R, 0),
      };
      const y = bench.room(P * K);
      kernels.pointwise({ ...call, P, C, K, y: y.at, relu });
      y.expectValues(
        Array.from({ length: P * K }, (_, i) => {
          const [p, k] = [Math.floor(i / K), i % K];
          let sum = bias[k] + (k < R ? residual[p * R + k] : 0);
          for (let c = 0; c < C; c++) sum += x[p * C + c] * w[k * C + c];
          return relu ? Math.max(0, sum) : sum;
        }),
      );
    }
  });

  test.each([
    [6, 5, 4, 1],
    [1, 1, 4, 1],
    [3, 4, 6, 1],
    [2, 3, 42, 1],
    [5, 6, 3, 1],
    [4, 6, 8, 2],
    [2, 2, 5, 2],
    [6, 4, 1, 2],
  ] as const)('each channel by itself: %i x %i x %i, stride %i', (H, W, C, stride) => {
    const bench = new Bench(make());
    const [x, w] = [values(H * W * C), values(10 * C)];
    const call = { x: bench.put(x), w: bench.put(w), zeros: bench.put(new Float32Array(W * C)) };
    const [outH, outW] = [H / stride, W / stride];
    const y = bench.room(outH * outW * C);
    bench.kernels.depthwise({ ...call, H, W, C, y: y.at, stride });
    const pad = stride === 1 ? 1 : 0;
    const pixel = (h: number, v: number, c: number): number =>
      h < 0 || v < 0 || h >= H || v >= W ? 0 : x[(h * W + v) * C + c];
    y.expectValues(
      Array.from({ length: outH * outW * C }, (_, i) => {
        const [oh, ow, c] = [Math.floor(i / (outW * C)), Math.floor(i / C) % outW, i % C];
        let sum = w[9 * C + c];
        for (let k = 0; k < 9; k++) {
          sum += w[k * C + c] * pixel(oh * stride - pad + Math.floor(k / 3), ow * stride - pad + (k % 3), c);
        }
        return sum;
      }),
    );
  });

  test.each([
    { kernelH: 5, kernelW: 5, C: 3, H: 8, W: 8, outW: 4, left: -1, stride: 2 },
    { kernelH: 3, kernelW: 3, C: 2, H: 6, W: 7, outW: 7, left: -1, stride: 1 },
    { kernelH: 3, kernelW: 5, C: 1, H: 4, W: 3, outW: 3, left: -2, stride: 1 },
  ])('patches of $kernelH x $kernelW', ({ kernelH, kernelW, C, H, W, outW, left, stride }) => {
    for (const top of [-1, 0, H - 2]) {
      const bench = new Bench(make());
      const x = values(H * W * C);
      const from = bench.put(x);
      const y = bench.room(outW * kernelH * kernelW * C);
      bench.kernels.patches({ x: from, H, W, C, y: y.at, kernelH, kernelW, outW, top, left, stride });
      const expected: number[] = [];
      for (let ow = 0; ow < outW; ow++)
        for (let kh = top; kh < top + kernelH; kh++)
          for (let kw = left + ow * stride; kw < left + ow * stride + kernelW; kw++)
            for (let c = 0; c < C; c++)
              expected.push(kh < 0 || kw < 0 || kh >= H || kw >= W ? 0 : x[(kh * W + kw) * C + c]);
      y.expectValues(expected);
    }
  });

  test.each([1, 4, 6, 11])('the largest of 2x2 pixels, %i channels', (C) => {
    const [H, W] = [4, 6];
    const bench = new Bench(make());
    const x = values(H * W * C);
    const from = bench.put(x);
    const y = bench.room((H * W * C) / 4);
    bench.kernels.maxPool2({ x: from, H, W, C, y: y.at });
    y.expectValues(
      Array.from({ length: (H * W * C) / 4 }, (_, i) => {
        const [h, v, c] = [2 * Math.floor(i / ((W / 2) * C)), 2 * (Math.floor(i / C) % (W / 2)), i % C];
        return Math.max(...[0, 1].flatMap((dh) => [0, 1].map((dv) => x[((h + dh) * W + v + dv) * C + c])));
      }),
    );
  });

  test.each([
    [3, 3],
    [5, 2],
  ])('a sum of %i channels and %i', (C, R) => {
    const P = 4;
    const bench = new Bench(make());
    const [a, b] = [values(P * C), values(P * R)];
    const call = { a: bench.put(a), b: bench.put(b), P, C, R, relu: true };
    const y = bench.room(P * C);
    bench.kernels.add({ ...call, y: y.at });
    y.expectValues(
      [...a].map((value, i) => Math.max(0, value + (i % C < R ? b[Math.floor(i / C) * R + (i % C)] : 0))),
    );
  });

  test.each([1, 5, 8])('twice as large, %i channels', (C) => {
    const [H, W] = [3, 2];
    const bench = new Bench(make());
    const x = values(H * W * C);
    const from = bench.put(x);
    const y = bench.room(4 * H * W * C);
    bench.kernels.resize({ x: from, H, W, C, y: y.at, outH: 2 * H, outW: 2 * W });
    const clamp = (at: number, size: number): number => Math.min(Math.max(at, 0), size - 1);
    const pixel = (h: number, v: number, c: number): number => x[(clamp(h, H) * W + clamp(v, W)) * C + c];
    y.expectValues(
      Array.from({ length: 4 * H * W * C }, (_, i) => {
        // An output's centre lies a quarter of a pixel from the next input's: weights are 3/4 and 1/4.
        const [oh, ow, c] = [Math.floor(i / (2 * W * C)), Math.floor(i / C) % (2 * W), i % C];
        const [h, v] = [oh >> 1, ow >> 1];
        const [dh, dv] = [oh % 2 ? 1 : -1, ow % 2 ? 1 : -1];
        return (
          (9 * pixel(h, v, c) +
            3 * pixel(h + dh, v, c) +
            3 * pixel(h, v + dv, c) +
            pixel(h + dh, v + dv, c)) /
          16
        );
      }),
    );
  });
});

test('the committed module is what the source compiles to', async () => {
  const script = new URL('../../scripts/faceKernels.mjs', import.meta.url).href;
  const { compileFaceKernels } = (await import(script)) as { compileFaceKernels(): Promise<string> };
  const { readFileSync } = await import('node:fs');
  const committed = readFileSync(new URL('./wasm/module.ts', import.meta.url), 'utf8');
  expect(await compileFaceKernels()).toBe(committed);
});
