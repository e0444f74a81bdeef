import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadDataset } from '../src/data/load.ts';
import { createBackend } from '../src/engine/createBackend.ts';
import { uniform } from '../src/engine/random.ts';
import { computeMetrics, softmax } from '../src/evaluate/metrics.ts';
import { Recognizer } from '../src/evaluate/recognizer.ts';
import { exportedTensors } from '../src/export/modelFolder.ts';
import { asExported, checkOnnx, refuseDifference } from '../src/export/onnx/check.ts';
import { onnxModel } from '../src/export/onnx/network.ts';
import { encodeModel } from '../src/export/onnx/protobuf.ts';
import { loadOnnxRuntime, type OnnxRuntime } from '../src/export/onnx/runtime.ts';
import { decodeHalf } from '../src/io/half.ts';
import type { StoredTensor } from '../src/io/safetensors.ts';
import { buildModel, type ModelDescription, readModel, type StoredModel } from '../src/nn/model.ts';
import { DESCRIPTION } from './assessed.ts';
import { fer } from './commands.ts';
import { temporaryFolder } from './dataFiles.ts';
import { optional } from './optional.ts';
import { faces, trainTiny } from './training.ts';

const folder = temporaryFolder();
const at = (...names: string[]): string => join(folder.path, ...names);
const MODEL = at('runs', 'a');
const DATA = 'synthetic:120';
beforeAll(async () => {
  vi.stubEnv('FER_CACHE', at('cache'));
  const dataset = faces({ Training: 60 });
  await trainTiny({ runs: at('runs'), n_epochs: 4, lr: 0.02, augment: false }, { dataset });
});
afterAll(() => {
  vi.unstubAllEnvs();
  folder.remove();
});

function runtimeHere(): OnnxRuntime | undefined {
  try {
    return loadOnnxRuntime();
  } catch {
    return undefined;
  }
}
const runtime = runtimeHere();
const WHERE =
  'not installed; npm install --ignore-scripts onnxruntime-node@1.30.0 in any folder, named in FER_ORT';

/** Fields of a message by number, in order; nested ones as bytes. */
function fieldsOf(bytes: Uint8Array): Map<number, (Uint8Array | bigint)[]> {
  const fields = new Map<number, (Uint8Array | bigint)[]>();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const value =
      type === WireType.Varint
        ? BigInt(reader.int64())
        : type === WireType.LengthDelimited
          ? reader.bytes()
          : reader.skip(type, number);
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  return fields;
}
const textOf = (value: Uint8Array | bigint | undefined): string =>
  Buffer.from(value as Uint8Array).toString();

test('an ONNX file says what it is, and names its inputs, outputs and labels', () => {
  const model = readModel(MODEL);
  const tensors = exportedTensors(model, 'fp16');
  const bytes = encodeModel(
    onnxModel(model.description, tensors, { input: 'faces', crops: 10, version: '1.2.3' }),
  );
  const top = fieldsOf(bytes);
  expect([...top.keys()].sort((a, b) => a - b)).toEqual([1, 2, 3, 6, 7, 8, 14]);
  expect(top.get(1)).toEqual([8n]);
  expect([textOf(top.get(2)?.[0]), textOf(top.get(3)?.[0])]).toEqual(['fer', '1.2.3']);
  expect(fieldsOf(top.get(8)?.[0] as Uint8Array).get(2)).toEqual([17n]);
  const metadata = Object.fromEntries(
    (top.get(14) ?? []).map((entry) => {
      const pair = fieldsOf(entry as Uint8Array);
      return [textOf(pair.get(1)?.[0]), textOf(pair.get(2)?.[0])];
    }),
  );
  expect(metadata).toMatchObject({ 'Image.BitmapPixelFormat': 'Gray8', crops: '10' });
  expect(JSON.parse(metadata.labels)).toEqual(model.description.labels);
  const graph = fieldsOf(top.get(7)?.[0] as Uint8Array);
  const names = (field: number): string[] =>
    (graph.get(field) ?? []).map((value) => textOf(fieldsOf(value as Uint8Array).get(1)?.[0]));
  expect([names(11), names(12)]).toEqual([['faces'], ['logits', 'scores']]);
  const halves = (graph.get(5) ?? []).map((value) => fieldsOf(value as Uint8Array));
  const stored = halves.find((fields) => textOf(fields.get(8)?.[0]) === 'conv1b.weight.half');
  expect(stored?.get(1)).toEqual([8n, 8n, 3n, 3n]);
  expect(stored?.get(2)).toEqual([10n]);
  expect(stored?.get(9)?.[0]).toHaveLength(8 * 8 * 9 * 2);
});

/** An attribute of a node: a float, a whole number, or several of them. */
function attributeOf(bytes: Uint8Array): [string, number | number[]] {
  const reader = new BinaryReader(bytes);
  const ints: number[] = [];
  let name = '';
  let value: number | undefined;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) name = reader.string();
    else if (field === 2) value = reader.float();
    else if (field === 3) value = Number(reader.int64());
    else if (field === 8) ints.push(Number(reader.int64()));
    else reader.skip(type, field);
  }
  return [name, value ?? ints];
}

/** The graph of an ONNX file, as its bytes say it. */
function readGraph(bytes: Uint8Array): { nodes: Node[]; constants: Map<string, Value> } {
  const graph = fieldsOf(fieldsOf(bytes).get(7)?.[0] as Uint8Array);
  const messages = (field: number) => (graph.get(field) ?? []).map((each) => fieldsOf(each as Uint8Array));
  const nodes = messages(1).map((fields) => ({
    op: textOf(fields.get(4)?.[0]),
    inputs: (fields.get(1) ?? []).map(textOf),
    output: textOf(fields.get(2)?.[0]),
    attributes: Object.fromEntries((fields.get(5) ?? []).map((each) => attributeOf(each as Uint8Array))),
  }));
  const constants = messages(5).map((fields): [string, Value] => {
    const { buffer, byteOffset, byteLength } = Uint8Array.from(fields.get(9)?.[0] as Uint8Array);
    const raw = buffer.slice(byteOffset, byteOffset + byteLength);
    const type = Number(fields.get(2)?.[0]);
    const data =
      type === 1
        ? Float64Array.from(new Float32Array(raw))
        : type === 7
          ? Float64Array.from(new BigInt64Array(raw), Number)
          : Float64Array.from(decodeHalf(new Uint16Array(raw)));
    return [textOf(fields.get(8)?.[0]), { shape: (fields.get(1) ?? []).map(Number), data }];
  });
  return { nodes, constants: new Map(constants) };
}

interface Value {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}
interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes: Readonly<Record<string, number | number[]>>;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);
const map = ({ shape, data }: Value, of: (value: number, i: number) => number): Value => ({
  shape,
  data: data.map(of),
});
const reshape = ({ shape, data }: Value, wanted: readonly number[]): Value => {
  const rest = sizeOf(shape) / Math.abs(sizeOf(wanted));
  return { shape: wanted.map((side) => (side < 0 ? rest : side)), data };
};

/** The operators as https://onnx.ai/onnx/operators defines them, by loops in float64; images are NCHW. */
const DEFINITIONS: Record<string, (inputs: readonly Value[], attributes: Node['attributes']) => Value> = {
  Cast: ([x]) => x,
  Identity: ([x]) => x,
  Relu: ([x]) => map(x, (value) => Math.max(0, value)),
  Div: ([x, by]) => map(x, (value) => value / by.data[0]),
  Add: ([a, b]) => map(a, (value, i) => value + b.data[i]),
  Unsqueeze: ([x, axes]) =>
    reshape(x, [...x.shape.slice(0, axes.data[0]), 1, ...x.shape.slice(axes.data[0])]),
  Reshape: ([x, shape]) => reshape(x, [...shape.data]),
  Flatten: ([x]) => reshape(x, [x.shape[0], -1]),
  // Rows and columns of [n, height, width].
  Slice([x, starts, ends, , steps]) {
    const [n, height, width] = x.shape;
    const places = (axis: number, side: number): number[] => {
      const [from, step] = [starts.data[axis], steps.data[axis]];
      // A negative end counts from behind; far enough behind it is before the first.
      const end = ends.data[axis] < 0 ? Math.max(-1, ends.data[axis] + side) : ends.data[axis];
      const count = Math.ceil((end - from) / step);
      return Array.from({ length: count }, (_, i) => from + i * step);
    };
    const [rows, columns] = [places(0, height), places(1, width)];
    const data = Array.from({ length: n }, (_, i) =>
      rows.flatMap((row) => columns.map((column) => x.data[(i * height + row) * width + column])),
    ).flat();
    return { shape: [n, rows.length, columns.length], data: Float64Array.from(data) };
  },
  Concat(parts) {
    const [n, , ...rest] = parts[0].shape;
    const size = sizeOf(rest);
    const data = Array.from({ length: n }, (_, i) =>
      parts.flatMap((part) => [...part.data.subarray(i * size, (i + 1) * size)]),
    ).flat();
    return { shape: [n, parts.length, ...rest], data: Float64Array.from(data) };
  },
  Conv([x, weight, bias], { kernel_shape, pads }) {
    const [n, C, H, W] = x.shape;
    const [K] = weight.shape;
    const [kernelH, kernelW] = kernel_shape as number[];
    const [top, left, bottom, right] = pads as number[];
    const [outH, outW] = [H + top + bottom - kernelH + 1, W + left + right - kernelW + 1];
    const data = new Float64Array(n * K * outH * outW);
    let at = 0;
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < K; k++) {
        for (let r = 0; r < outH; r++) {
          for (let s = 0; s < outW; s++) {
            let sum = bias.data[k];
            for (let c = 0; c < C; c++) {
              for (let u = Math.max(0, top - r); u < Math.min(kernelH, H + top - r); u++) {
                const image = ((i * C + c) * H + r + u - top) * W + s - left;
                const kernel = ((k * C + c) * kernelH + u) * kernelW;
                for (let v = Math.max(0, left - s); v < Math.min(kernelW, W + left - s); v++) {
                  sum += x.data[image + v] * weight.data[kernel + v];
                }
              }
            }
            data[at++] = sum;
          }
        }
      }
    }
    return { shape: [n, K, outH, outW], data };
  },
  BatchNormalization([x, scale, bias, mean, variance], { epsilon }) {
    const [, C, H, W] = x.shape;
    return map(x, (value, i) => {
      const c = Math.floor(i / (H * W)) % C;
      const deviation = Math.sqrt(variance.data[c] + (epsilon as number));
      return ((value - mean.data[c]) / deviation) * scale.data[c] + bias.data[c];
    });
  },
  MaxPool([x], { kernel_shape, strides }) {
    const [n, C, H, W] = x.shape;
    const [[kernelH, kernelW], [down, across]] = [kernel_shape as number[], strides as number[]];
    const [outH, outW] = [Math.floor((H - kernelH) / down) + 1, Math.floor((W - kernelW) / across) + 1];
    const data = new Float64Array(n * C * outH * outW).map((_, i) => {
      const [plane, r, s] = [Math.floor(i / (outH * outW)), Math.floor(i / outW) % outH, i % outW];
      let most = Number.NEGATIVE_INFINITY;
      for (let u = 0; u < kernelH; u++) {
        for (let v = 0; v < kernelW; v++) {
          most = Math.max(most, x.data[(plane * H + r * down + u) * W + s * across + v]);
        }
      }
      return most;
    });
    return { shape: [n, C, outH, outW], data };
  },
  Gemm([a, b, c], { transB }) {
    const [M, K] = a.shape;
    const N = transB ? b.shape[0] : b.shape[1];
    const data = new Float64Array(M * N).map((_, i) => {
      const [m, n] = [Math.floor(i / N), i % N];
      let sum = c.data[n];
      for (let k = 0; k < K; k++) sum += a.data[m * K + k] * b.data[transB ? n * K + k : k * N + n];
      return sum;
    });
    return { shape: [M, N], data };
  },
  // Over the middle of three.
  ReduceMean([x]) {
    const [n, crops, L] = x.shape;
    const data = new Float64Array(n * L).map((_, i) => {
      let sum = 0;
      for (let crop = 0; crop < crops; crop++)
        sum += x.data[(Math.floor(i / L) * crops + crop) * L + (i % L)];
      return sum / crops;
    });
    return { shape: [n, L], data };
  },
  Softmax([x]) {
    const L = x.shape[1];
    const rows = Array.from({ length: x.shape[0] }, (_, i) => softmax(x.data.subarray(i * L, (i + 1) * L)));
    return { shape: x.shape, data: Float64Array.from(rows.flat()) };
  },
};

/** Weights that nobody trained, with statistics of batch norm that no two channels share. */
function randomModel(description: ModelDescription): StoredModel {
  const { parameters } = buildModel(description);
  const tensors = parameters.state.map(([name, { shape }], t): [string, StoredTensor] => {
    const size = sizeOf(shape);
    const spread = name.endsWith('.weight') && shape.length > 1 ? Math.sqrt((6 * shape[0]) / size) : 0.5;
    const middle = /^bn.*\.(weight|running_var)$/.test(name) ? 1 : 0;
    const data = Float32Array.from({ length: size }, (_, i) => middle + spread * (2 * uniform(t, i) - 1));
    return [name, { dtype: 'F32', shape, data }];
  });
  return { description, file: 'random.safetensors', metadata: {}, tensors: Object.fromEntries(tensors) };
}

/** What an ONNX file makes of an input, by the definitions of its operators. */
function evaluate(bytes: Uint8Array, input: string, value: Value): Map<string, Value> {
  const { nodes, constants } = readGraph(bytes);
  const values = new Map([...constants, [input, value]]);
  for (const { op, inputs, output, attributes } of nodes) {
    const given = inputs.map((name) => values.get(name) as Value);
    values.set(output, DEFINITIONS[op](given, attributes));
  }
  return values;
}

describe.each(['vgg', 'vgg_lite'] as const)('by the definitions of the operators, %s', (network) => {
  const description = { ...DESCRIPTION, network };
  const model = randomModel(description);
  const pictures = faces({ Training: 2 }).images.subarray(0, 2 * 48 * 48);

  test.each([
    [1, 'fp32'],
    [10, 'fp16'],
  ] as const)('%i crops, %s: the answers are ours', async (crops, dtype) => {
    const tensors = exportedTensors(model, dtype);
    const bytes = encodeModel(onnxModel(description, tensors, { input: 'faces', crops, version: '' }));
    const shown = { shape: [2, 48, 48], data: Float64Array.from(pictures) };
    const values = evaluate(bytes, 'faces', shown);
    const backend = await createBackend({ device: 'cpu', threads: 1 });
    try {
      const recognizer = new Recognizer(backend, asExported(model, tensors), { crops, batch: 2 });
      const expected = await recognizer.logits(pictures);
      const [logits, scores] = ['logits', 'scores'].map((name) => values.get(name) as Value);
      expect(logits.shape).toEqual([2, 3]);
      const largest = Math.max(...expected.map(Math.abs));
      for (const [i, value] of expected.entries()) {
        expect(Math.abs(logits.data[i] - value)).toBeLessThan(1e-4 * largest);
      }
      expect([...scores.data.subarray(0, 3)]).toEqual(softmax(logits.data.subarray(0, 3)));
    } finally {
      await backend.close();
    }
  });
});

test('input=crops averages nothing, so crops= is refused', async () => {
  const args = ['export', `model=${MODEL}`, 'format=onnx', `out=${at('no.onnx')}`, 'input=crops', 'crops=1'];
  expect(await fer(...args)).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^crops= would have no effect: input=crops takes single crops/),
  });
});

describe.runIf(optional('onnxruntime-node', runtime !== undefined, WHERE))('in ONNX Runtime', () => {
  test.each([
    ['fp32', 'faces', 10],
    ['fp32', 'faces', 1],
    ['fp16', 'faces', 10],
    ['fp32', 'crops', 10],
    ['fp16', 'crops', 10],
  ] as const)('%s, %s, %i crops: the answers are ours', async (dtype, input, crops) => {
    const out = at(`${dtype}${input}${crops}.onnx`);
    const averaged = input === 'faces' ? [`crops=${crops}`] : [];
    const args = [`dtype=${dtype}`, `input=${input}`, ...averaged, `data=${DATA}`, 'threads=1'];
    const { code, stdout, stderr } = await fer(
      'export',
      `model=${MODEL}`,
      'format=onnx',
      `out=${out}`,
      'json=true',
      ...args,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const result = JSON.parse(stdout);
    const [check] = result.checks;
    expect(check).toMatchObject({ on: 'PublicTest', n: 12, changed: 0 });
    expect(check.logits).toBeLessThan(1e-5);
    expect(check.scores).toBeLessThan(1e-5);
    expect(check.accuracy.onnx).toBe(check.accuracy.fer);
    expect(readFileSync(out)).toHaveLength(result.bytes);
    const about = JSON.parse(readFileSync(out.replace('.onnx', '.json'), 'utf8'));
    expect(about).toMatchObject({ labels: readModel(MODEL).description.labels, dtype, opset: 17 });
    expect(about.crops).toBe(input === 'faces' ? crops : undefined);
  });

  test('the file by itself gives the accuracy of fer evaluate, for any number of faces at once', async () => {
    const out = at('itself.onnx');
    expect((await fer('export', `model=${MODEL}`, 'format=onnx', `out=${out}`)).code).toBe(0);
    const { images, targets, splits, labels } = await loadDataset(DATA);
    const session = await (runtime as OnnxRuntime).InferenceSession.create(readFileSync(out), {});
    const area = 48 * 48;
    const logits: number[] = [];
    const indices = [...splits.PublicTest];
    for (const some of [indices.slice(0, 1), indices.slice(1, 8), indices.slice(8)]) {
      const batch = new Uint8Array(some.length * area);
      some.forEach((index, i) => {
        batch.set(images.subarray(index * area, (index + 1) * area), i * area);
      });
      const tensor = new (runtime as OnnxRuntime).Tensor('uint8', batch, [some.length, 48, 48]);
      const found = await session.run({ faces: tensor });
      logits.push(...(found.logits.data as Float32Array));
      const [row, scores] = [found.logits, found.scores].map(({ data }) =>
        (data as Float32Array).slice(0, 7),
      );
      softmax(row).forEach((score, c) => {
        expect(score).toBeCloseTo(scores[c], 6);
      });
    }
    await session.release();
    const expected = await fer('evaluate', `model=${MODEL}`, `data=${DATA}`, 'json=true');
    const { accuracy, confusion, loss } = JSON.parse(expected.stdout);
    const found = computeMetrics(
      Float32Array.from(logits),
      indices.map((index) => targets[index]),
      labels,
    );
    expect([found.accuracy, found.confusion]).toEqual([accuracy, confusion]);
    expect(found.loss).toBeCloseTo(loss, 5);
  });

  test('other weights are found out and refused', async () => {
    const model = readModel(MODEL);
    const tensors = exportedTensors(model, 'fp32');
    const options = { input: 'faces', crops: 1, version: '' } as const;
    const bytes = encodeModel(onnxModel(model.description, tensors, options));
    const other = asExported(model, exportedTensors(model, 'fp32'));
    (other.tensors['bn1a.bias'].data as Float32Array)[0] += 0.05;
    const { images } = faces({ Training: 14 });
    const check = await checkOnnx(runtime as OnnxRuntime, bytes, other, images.subarray(0, 14 * 2304), {
      input: 'faces',
      crops: 1,
      bs: 4,
      device: 'cpu',
      threads: 1,
    });
    expect(check.n).toBe(14);
    expect(check.logits).toBeGreaterThan(1e-4);
    expect(() => refuseDifference(check)).toThrow(
      /ONNX Runtime answers otherwise than fer.*Nothing was written/,
    );
    expect(() => refuseDifference({ ...check, logits: 0, scores: 2e-4 })).toThrow(/answers otherwise/);
    expect(() => refuseDifference({ ...check, logits: 1e-4, scores: 1e-4 })).not.toThrow();
  });
});

describe('refused', () => {
  test.each([
    ['another ending', ['out=x.pb'], /the name of an ONNX file ends in \.onnx/],
    ['a model that is not there', ['out=x.onnx', 'model=nowhere'], /no model at nowhere/],
  ])('%s', async (_, args, message) => {
    const { code, stderr } = await fer('export', 'format=onnx', 'check=false', ...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });

  test('what would be looked at for nothing is refused', async () => {
    const args = ['export', `model=${MODEL}`, `out=${at('refused.onnx')}`];
    const first = await fer(
      ...(args as ['export']),
      'format=onnx',
      'check=false',
      'data=synthetic:20',
      'limit=3',
    );
    expect(first.code).toBe(2);
    expect(first.stderr).toMatch(/data= and limit= would have no effect: with check=false/);
    const second = await fer(...(args as ['export']), 'splits=PrivateTest');
    expect(second.code).toBe(2);
    expect(second.stderr).toMatch(/splits= would have no effect: there is no data/);
    expect(existsSync(at('refused.onnx'))).toBe(false);
  });

  test('a file that is there, unless overwrite=true', async () => {
    const args = ['export', `model=${MODEL}`, 'format=onnx', `out=${at('twice.onnx')}`, 'check=false'];
    const first = await fer(...args);
    expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining('not checked') });
    const again = await fer(...args);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/exists: .*overwrite=true/) });
    expect((await fer(...args, 'overwrite=true')).code).toBe(0);
  });

  test('a file of another kind that has the name of the one beside it', async () => {
    const out = at('beside.onnx');
    writeFileSync(at('beside.json'), '{"precious": true}');
    const args = ['export', `model=${MODEL}`, 'format=onnx', `out=${out}`, 'check=false'];
    const { code, stderr } = await fer(...args);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `${at('beside.json')} exists: choose another out=, or give overwrite=true to replace it\n`,
    });
    expect(readFileSync(at('beside.json'), 'utf8')).toBe('{"precious": true}');
    expect(existsSync(out)).toBe(false);
    expect((await fer(...args, 'overwrite=true')).code).toBe(0);
    expect(JSON.parse(readFileSync(at('beside.json'), 'utf8')).opset).toBe(17);
  });

  test('a folder that cannot be made, before the work; one that can is made', async () => {
    writeFileSync(at('file'), '');
    const args = ['export', `model=${MODEL}`, 'format=onnx', 'check=false'];
    expect(await fer(...args, `out=${at('file', 'x.onnx')}`)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^cannot make the folder .*file: /),
    });
    const out = at('new', 'folder', 'x.onnx');
    expect(await fer(...args, `out=${out}`)).toMatchObject({ code: 0 });
    expect(existsSync(out)).toBe(true);
  });

  test('without ONNX Runtime: says how to get it, and writes nothing', async () => {
    vi.stubEnv('FER_ORT', at('nothing'));
    const out = at('without.onnx');
    const { code, stderr } = await fer('export', `model=${MODEL}`, 'format=onnx', `out=${out}`);
    vi.stubEnv('FER_ORT', undefined);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /is not in .*nothing.*npm install --ignore-scripts onnxruntime-node@.*check=false/,
    );
    expect(existsSync(out)).toBe(false);
  });
});
