import { expect, test } from 'vitest';
import { FerError } from '../errors.ts';
import { loadFaceModels } from './loadModels.ts';
import { FaceNetwork } from './network.ts';
import { PlainKernels } from './plainKernels.ts';
import { parseTflite, type TfliteAction, type TfliteGraph, type TfliteTensor } from './tflite.ts';
import { WasmKernels } from './wasmKernels.ts';

const value = (seed: number, i: number): number => Math.sin(seed * 91.7 + i * 1.37);

/** Builds graphs, and says by the definition of each operator what they compute. */
class Builder {
  readonly tensors: TfliteTensor[] = [];
  readonly operators: (TfliteAction & { inputs: number[]; output: number })[] = [];
  readonly results: number[][] = [];

  tensor(shape: readonly number[], values?: number[]): number {
    this.results.push(values ?? []);
    return this.tensors.push({ name: '', shape }) - 1;
  }

  constant(shape: readonly number[], data: Float32Array | Int32Array): number {
    this.results.push([...data]);
    return this.tensors.push({ name: '', shape, data }) - 1;
  }

  random(shape: readonly number[]): number {
    const size = shape.reduce((a, b) => a * b, 1);
    const seed = this.tensors.length;
    return this.constant(
      shape,
      Float32Array.from({ length: size }, (_, i) => value(seed, i)),
    );
  }

  apply(action: TfliteAction, inputs: number[], shape: readonly number[], values: number[]): number {
    const output = this.tensor(shape, values);
    this.operators.push({ ...action, inputs, output });
    return output;
  }

  graph(input: number, outputs: number[]): TfliteGraph {
    return { tensors: this.tensors, operators: this.operators, inputs: [input], outputs };
  }
}

const WINDOW = { strideH: 1, strideW: 1, padding: 'same', relu: false } as const;

/** A convolution by the definition. */
function convolve(b: Builder, x: number, K: number, size: number, stride: number): number {
  const [, H, W, C] = b.tensors[x].shape;
  const [weights, bias] = [b.random([K, size, size, C]), b.random([K])];
  const [outH, outW] = [Math.ceil(H / stride), Math.ceil(W / stride)];
  const pad = Math.floor(Math.max(0, (outH - 1) * stride + size - H) / 2);
  const [X, F] = [b.results[x], b.results[weights]];
  const out: number[] = [];
  for (let oh = 0; oh < outH; oh++)
    for (let ow = 0; ow < outW; ow++)
      for (let k = 0; k < K; k++) {
        let sum = b.results[bias][k];
        for (let i = 0; i < size; i++)
          for (let j = 0; j < size; j++) {
            const [h, w] = [oh * stride - pad + i, ow * stride - pad + j];
            if (h < 0 || w < 0 || h >= H || w >= W) continue;
            for (let c = 0; c < C; c++)
              sum += X[(h * W + w) * C + c] * F[((k * size + i) * size + j) * C + c];
          }
        out.push(sum);
      }
  const action = { ...WINDOW, op: 'conv', strideH: stride, strideW: stride } as const;
  return b.apply(action, [x, weights, bias], [1, outH, outW, K], out);
}

function relu(b: Builder, x: number): number {
  const out = b.results[x].map((v) => Math.max(0, v));
  return b.apply({ op: 'relu' }, [x], b.tensors[x].shape, out);
}

/** Adds b's channels of zeros behind x's. */
function padChannels(b: Builder, x: number, more: number): number {
  const [, H, W, C] = b.tensors[x].shape;
  const K = C + more;
  const amounts = b.constant([4, 2], Int32Array.of(0, 0, 0, 0, 0, 0, 0, more));
  const out = Array.from({ length: H * W * K }, (_, i) =>
    i % K < C ? b.results[x][Math.floor(i / K) * C + (i % K)] : 0,
  );
  return b.apply({ op: 'pad' }, [x, amounts], [1, H, W, K], out);
}

function add(b: Builder, x: number, y: number): number {
  const out = b.results[x].map((v, i) => v + b.results[y][i]);
  return b.apply({ op: 'add', relu: false }, [x, y], b.tensors[x].shape, out);
}

test.each([
  ['TypeScript', PlainKernels],
  ['WebAssembly', WasmKernels],
] as const)('merged operators compute what each by itself would, %s', (_, Kernels) => {
  const b = new Builder();
  const input = b.tensor(
    [1, 8, 8, 3],
    Array.from({ length: 192 }, (_, i) => value(0, i)),
  );
  // As in the detectors: a strided convolution, a block with its shortcut, one whose shortcut is narrower.
  const stem = relu(b, convolve(b, input, 8, 5, 2));
  const block = relu(b, add(b, stem, convolve(b, stem, 8, 1, 1)));
  const branch = convolve(b, block, 12, 1, 1);
  const wide = relu(b, add(b, padChannels(b, block, 4), branch));
  // A value used twice, a sum of two results that are both needed, heads joined.
  const other = relu(b, convolve(b, wide, 12, 3, 1));
  const sum = add(b, wide, other);
  const head = convolve(b, sum, 2, 1, 1);
  const flat = [head, convolve(b, other, 1, 1, 1)].map((x) => {
    const [, H, W, C] = b.tensors[x].shape;
    return b.apply({ op: 'reshape' }, [x], [1, H * W * C, 1], b.results[x]);
  });
  const joined = b.apply(
    { op: 'concat', axis: 1 },
    flat,
    [1, 48, 1],
    [...b.results[flat[0]], ...b.results[flat[1]]],
  );

  const network = new FaceNetwork(b.graph(input, [joined, wide]), (length) => new Kernels(length));
  expect(network.inputShape).toEqual([1, 8, 8, 3]);
  for (let run = 0; run < 2; run++) {
    network.input.set(b.results[input]);
    network.run();
    for (const [i, output] of [joined, wide].entries()) {
      expect(network.outputs[i].shape).toEqual(b.tensors[output].shape);
      const worst = Math.max(...b.results[output].map((v, k) => Math.abs(v - network.outputs[i].values[k])));
      expect(worst / Math.max(...b.results[output].map(Math.abs))).toBeLessThan(1e-5);
    }
  }
});

test.each(['shortRange', 'fullRange'] as const)('both kinds of kernels agree on %s', async (name) => {
  const graph = parseTflite((await loadFaceModels())[name]);
  const [plain, wasm] = [PlainKernels, WasmKernels].map(
    (Kernels) => new FaceNetwork(graph, (length) => new Kernels(length)),
  );
  for (const network of [plain, wasm]) {
    network.input.set(network.input.map((_, i) => value(3, i)));
    network.run();
  }
  for (const [i, { values }] of plain.outputs.entries()) {
    const scale = Math.max(...values.map(Math.abs));
    expect(scale).toBeGreaterThan(1);
    const worst = Math.max(...values.map((v, k) => Math.abs(v - wasm.outputs[i].values[k])));
    expect(worst / scale).toBeLessThan(1e-4);
  }
});

test.each<[string, (b: Builder, x: number) => number, RegExp]>([
  ['a ReLU of the input', relu, /ReLU follows neither/],
  [
    'a tensor from nowhere',
    (b, x) => b.apply({ op: 'add', relu: false }, [x, b.tensor([1, 4, 4, 3])], [1, 4, 4, 3], []),
    /used before it is computed/,
  ],
  [
    'a reshape to another size',
    (b, x) => b.apply({ op: 'reshape' }, [x], [1, 7], []),
    /48 values become 1x7/,
  ],
  [
    'a pooling of other windows',
    (b, x) =>
      b.apply(
        { ...WINDOW, op: 'maxPool', height: 3, width: 3, strideH: 2, strideW: 2 },
        [x],
        [1, 2, 2, 3],
        [],
      ),
    /maxPool of 1x4x4x3 to 1x2x2x3/,
  ],
  [
    'weights of another shape',
    (b, x) =>
      b.apply({ ...WINDOW, op: 'conv' }, [x, b.random([2, 1, 1, 5]), b.random([2])], [1, 4, 4, 2], []),
    /conv of 1x4x4x3 and 2x1x1x5/,
  ],
])('%s is refused', (_, build, message) => {
  const b = new Builder();
  const input = b.tensor([1, 4, 4, 3]);
  const output = build(b, input);
  expect(() => new FaceNetwork(b.graph(input, [output]))).toThrow(FerError);
  expect(() => new FaceNetwork(b.graph(input, [output]))).toThrow(message);
});
