import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/dataFiles.ts';
import { ReferenceBackend } from '../engine/backend/reference.ts';
import { sizeOf } from '../engine/tensor.ts';
import { FerError } from '../errors.ts';
import { type StoredTensor, writeSafetensors } from '../io/safetensors.ts';
import { PIECE } from '../io/safetensorsFormat.ts';
import {
  buildModel,
  findModel,
  loadFound,
  loadModel,
  loadWeights,
  type ModelDescription,
  readModel,
  readWeights,
  stored,
} from './model.ts';

const DESCRIPTION: ModelDescription = {
  network: 'vgg',
  width: 1,
  drop: 0.2,
  labels: ['sad', 'happy'],
  imageSize: 48,
  inputSize: 40,
};

/** Weights of the right shapes, every tensor filled with its own number. */
function weights(): Record<string, StoredTensor> {
  const { state } = buildModel(DESCRIPTION).parameters;
  return Object.fromEntries(
    state.map(([name, { shape }], i) => [name, stored(shape, new Float32Array(sizeOf(shape)).fill(i + 1))]),
  );
}

describe('loadWeights', () => {
  const load = async (tensors: Record<string, StoredTensor>) => {
    const backend = new ReferenceBackend();
    const { parameters } = buildModel(DESCRIPTION);
    let error: unknown;
    try {
      loadWeights(backend, parameters, { tensors, metadata: {} }, 'some.safetensors');
    } catch (thrown) {
      error = thrown;
    }
    return { error, found: await readWeights(backend, parameters) };
  };
  const contents = (tensors: Record<string, StoredTensor>) =>
    Object.fromEntries(
      Object.entries(tensors).map(([name, { data }]) => [name, Array.from(data as Float32Array)]),
    );

  test('copies by name, whatever the order', async () => {
    const tensors = weights();
    const { error, found } = await load(Object.fromEntries(Object.entries(tensors).reverse()));
    expect(error).toBeUndefined();
    expect(contents(found)).toEqual(contents(tensors));
  });

  test("takes the counters of PyTorch's batch norm, and half or double precision", async () => {
    const tensors = weights();
    const counter: StoredTensor = { dtype: 'I64', shape: [], data: new BigInt64Array([7n]) };
    const bias = tensors['lin3.bias'];
    const { error, found } = await load({
      ...tensors,
      'bn1a.num_batches_tracked': counter,
      'lin3.bias': { ...bias, dtype: 'F16' },
      'lin2.bias': stored([64], new Float64Array(64).fill(0.5)),
    });
    expect(error).toBeUndefined();
    expect(contents(found)['lin2.bias'][63]).toBe(0.5);
    expect(Object.keys(found)).not.toContain('bn1a.num_batches_tracked');
  });

  test.each<[string, (tensors: Record<string, StoredTensor>) => void, string]>([
    ['a tensor less', (tensors) => delete tensors['bn4b.running_var'], 'has no tensor "bn4b.running_var"'],
    [
      'a tensor more',
      (tensors) => {
        tensors['lin4.bias'] = stored([1], new Float32Array(1));
      },
      'has an unknown tensor "lin4.bias"',
    ],
    [
      'another shape',
      (tensors) => {
        tensors['lin3.bias'] = stored([2, 1], new Float32Array(2));
      },
      '"lin3.bias" is [2,1], this network needs [2]',
    ],
    [
      'another type',
      (tensors) => {
        tensors['lin3.bias'] = { dtype: 'I32', shape: [2], data: new Int32Array(2) };
      },
      '"lin3.bias" is I32, this network needs floating point',
    ],
  ])('%s: refused, and nothing is copied', async (_, spoil, message) => {
    const tensors = weights();
    spoil(tensors);
    const { error, found } = await load(tensors);
    expect(error).toBeInstanceOf(FerError);
    expect(String(error)).toContain(message);
    expect(String(error)).toContain('some.safetensors');
    for (const values of Object.values(contents(found))) expect(new Set(values)).toEqual(new Set([0]));
  });
});

describe('readModel', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(() => {
    folder = temporaryFolder();
    writeFileSync(join(folder.path, 'config.json'), JSON.stringify({ model: DESCRIPTION }));
  });
  afterEach(() => folder.remove());

  test.each(['F16', 'F32'] as const)('a piece at a time gives what all at once gives: %s', async (dtype) => {
    const description = { ...DESCRIPTION, width: 8 };
    const { state } = buildModel(description).parameters;
    const tensors = Object.fromEntries(
      state.map(([name, { shape }], t): [string, StoredTensor] => {
        const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 31 + t) % 2039) / 1024);
        return [name, { dtype, shape, data }];
      }),
    );
    expect(Math.max(...state.map(([, { shape }]) => sizeOf(shape)))).toBeGreaterThan(PIECE);
    writeFileSync(join(folder.path, 'config.json'), JSON.stringify({ model: description }));
    writeSafetensors(join(folder.path, 'model.safetensors'), tensors);
    const found = findModel(folder.path);
    const loaded = await Promise.all(
      [
        (backend: ReferenceBackend) => loadFound(backend, found),
        (backend: ReferenceBackend) => loadModel(backend, readModel(folder.path)),
      ].map(async (load) => {
        const backend = new ReferenceBackend();
        return readWeights(backend, load(backend).parameters);
      }),
    );
    expect(loaded[0]).toEqual(loaded[1]);
    expect([...(loaded[0]['lin1.weight'].data as Float64Array)]).toEqual([...tensors['lin1.weight'].data]);
    const { 'bn1a.weight': _, ...others } = tensors;
    writeSafetensors(found.file, others);
    expect(() => loadFound(new ReferenceBackend(), found)).toThrow(/has no tensor "bn1a\.weight"/);
  });

  test('takes best, else model, else last; or the file that is named', () => {
    for (const name of ['best', 'model', 'last', 'epoch_3']) {
      writeSafetensors(join(folder.path, `${name}.safetensors`), weights(), { name });
    }
    expect(readModel(join(folder.path, 'epoch_3.safetensors')).metadata.name).toBe('epoch_3');
    for (const name of ['best', 'model', 'last']) {
      const model = readModel(folder.path);
      expect(model).toMatchObject({
        description: DESCRIPTION,
        file: join(folder.path, `${name}.safetensors`),
      });
      expect(model.metadata.name).toBe(name);
      rmSync(model.file);
    }
    expect(() => readModel(folder.path)).toThrow(
      /holds no weights: expected best\.safetensors or .*first epoch/,
    );
  });

  test.each<[string, unknown, RegExp]>([
    ['no model', undefined, /"network" is undefined/],
    ['a list', [], /"network" is undefined/],
    [
      'a name of objects',
      { ...DESCRIPTION, network: 'constructor' },
      /"network" is "constructor", known are vgg/,
    ],
    ['no width', { ...DESCRIPTION, width: 0 }, /"width" is 0/],
    ['a wide word', { ...DESCRIPTION, width: '64' }, /"width" is "64"/],
    ['certain dropout', { ...DESCRIPTION, drop: 1 }, /"drop" is 1, expected 0 to below 1/],
    ['a tiny input', { ...DESCRIPTION, inputSize: 15 }, /"inputSize" is 15, vgg sees 16 at least/],
    ['half a pixel', { ...DESCRIPTION, inputSize: 40.5 }, /"inputSize" is 40\.5/],
    [
      'crops larger than the picture',
      { ...DESCRIPTION, inputSize: 49 },
      /"imageSize" is 48, expected 49 at least/,
    ],
    ['no labels', { ...DESCRIPTION, labels: [] }, /"labels" is \[\]/],
    ['a label that is none', { ...DESCRIPTION, labels: ['sad', 3] }, /"labels" is \["sad",3\]/],
  ])('a config.json with %s', (_, model, message) => {
    writeFileSync(join(folder.path, 'config.json'), JSON.stringify({ model }));
    writeSafetensors(join(folder.path, 'best.safetensors'), weights());
    expect(() => readModel(folder.path)).toThrow(message);
    expect(() => readModel(folder.path)).toThrow(FerError);
  });

  test('a config.json that is a folder', () => {
    rmSync(join(folder.path, 'config.json'));
    mkdirSync(join(folder.path, 'config.json'));
    expect(() => readModel(folder.path)).toThrow(/cannot read .*config\.json: it is a folder/);
  });
});

test('what is stored keeps its bits', () => {
  const double = new Float64Array([0.1, Number.MIN_VALUE]);
  expect(stored([2], double)).toEqual({ dtype: 'F64', shape: [2], data: double });
  expect(stored([1], new Float32Array(1)).dtype).toBe('F32');
  expect(() => stored([1], new Int32Array(1))).toThrow(TypeError);
});
