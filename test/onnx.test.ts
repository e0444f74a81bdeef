import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadDataset } from '../src/data/load.ts';
import { computeMetrics, softmax } from '../src/evaluate/metrics.ts';
import { exportedTensors } from '../src/export/modelFolder.ts';
import { asExported, checkOnnx, refuseDifference } from '../src/export/onnx/check.ts';
import { onnxModel } from '../src/export/onnx/network.ts';
import { encodeModel } from '../src/export/onnx/protobuf.ts';
import { loadOnnxRuntime, type OnnxRuntime } from '../src/export/onnx/runtime.ts';
import { readModel } from '../src/nn/model.ts';
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
