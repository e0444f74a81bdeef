import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type StoredTensor, writeSafetensors } from '../src/io/safetensors.ts';
import { buildModel, readModel, stored } from '../src/nn/model.ts';
import { fer } from './commands.ts';
import { temporaryFolder } from './dataFiles.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const at = (...names: string[]): string => join(folder.path, ...names);
const LABELS = ['angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral'];

type Tensors = Record<string, StoredTensor>;

/** A state_dict as PyTorch would save it. */
function stateDict(labels: readonly string[] = LABELS, inputSize = 40): Tensors {
  const description = { network: 'vgg', width: 8, drop: 0, labels, imageSize: 48, inputSize } as const;
  const { parameters } = buildModel(description);
  const { values, statistics } = parameters.initial(5);
  const tensors: Tensors = {};
  for (const [name, view] of parameters.state) {
    const source = view.buffer.name === 'statistics' ? statistics : values;
    const length = view.shape.reduce((a, b) => a * b, 1);
    tensors[name] = stored(view.shape, source.slice(view.offset, view.offset + length));
  }
  for (const stage of [1, 2, 3, 4]) {
    for (const half of ['a', 'b']) {
      const counter: StoredTensor = { dtype: 'I64', shape: [], data: new BigInt64Array([9n]) };
      tensors[`bn${stage}${half}.num_batches_tracked`] = counter;
    }
  }
  return tensors;
}

let files = 0;
function saved(tensors: Tensors): string {
  const file = at(`weights${files++}.safetensors`);
  writeSafetensors(file, tensors, { format: 'pt' });
  return file;
}
const bring = (file: string, ...args: string[]) =>
  fer('import', file, 'name=a', `runs=${at('runs')}`, ...args);

test('a state_dict becomes a model with the same numbers', async () => {
  const tensors = stateDict();
  const { code, stdout } = await bring(saved(tensors), 'json=true');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ out: at('runs', 'a'), model: { width: 8, labels: LABELS } });
  const model = readModel(at('runs', 'a'));
  expect(Object.keys(model.tensors).sort()).toEqual(
    Object.keys(tensors)
      .filter((name) => !name.endsWith('tracked'))
      .sort(),
  );
  for (const [name, { data }] of Object.entries(model.tensors)) expect(data).toEqual(tensors[name].data);
  const config = JSON.parse(readFileSync(at('runs', 'a', 'config.json'), 'utf8'));
  expect(config.imported).toEqual({
    file: 'weights0.safetensors',
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  const evaluate = await fer(
    'evaluate',
    `model=${at('runs', 'a')}`,
    'data=synthetic:70',
    'crops=1',
    'json=true',
  );
  expect(JSON.parse(evaluate.stdout).n).toBe(7);
  expect((await bring(saved(tensors))).stderr).toMatch(/is not empty/);
  const exported = await fer('export', `model=${at('runs', 'a')}`, `out=${at('out')}`);
  expect(exported.code).toBe(0);
  const card = readFileSync(at('out', 'README.md'), 'utf8');
  expect(card).toContain('made by another program and imported');
  expect(card).toContain(`weights0.safetensors\`, SHA-256 \`${config.imported.sha256}\``);
  expect(JSON.parse(readFileSync(at('out', 'config.json'), 'utf8')).imported).toEqual(config.imported);
  expect(readdirSync(at('out'))).not.toContain('command.txt');
});

test('names of parallel training, half precision and other classes', async () => {
  const labels = ['neutral', 'happiness', 'contempt'];
  const tensors = Object.fromEntries(
    Object.entries(stateDict(labels)).map(([name, tensor]) => [
      `module.${name}`,
      tensor.dtype === 'F32' ? { ...tensor, dtype: 'F16' as const } : tensor,
    ]),
  );
  const { code } = await bring(saved(tensors), `classes=${labels.join('+')}`, 'overwrite=true');
  expect(code).toBe(0);
  expect(readModel(at('runs', 'a')).description.labels).toEqual(['neutral', 'happy', 'contempt']);
});

test('crops of another size are told by crop_size=, and judged with it', async () => {
  const file = saved(stateDict(LABELS, 48));
  const again = 'overwrite=true';
  expect((await bring(file, again)).stderr).toMatch(/lin1\.weight is \[512,576\] instead of \[512,256\]/);
  expect((await bring(file, again, 'crop_size=48')).code).toBe(0);
  const { description } = readModel(at('runs', 'a'));
  expect(description).toMatchObject({ imageSize: 48, inputSize: 48 });
  const judged = ['data=synthetic:70', 'crops=10', 'json=true'];
  const evaluate = await fer('evaluate', `model=${at('runs', 'a')}`, ...judged);
  expect(JSON.parse(evaluate.stdout).n).toBe(7);
});

describe('refused', () => {
  const change = (edit: (tensors: Tensors) => void): string => {
    const tensors = stateDict();
    edit(tensors);
    return saved(tensors);
  };
  test.each<[string, () => string, RegExp]>([
    [
      'all that is wrong is named at once',
      () =>
        change((tensors) => {
          tensors['lin9.bias'] = tensors['bn2a.bias'];
          delete tensors['bn2a.bias'];
          tensors['conv2b.weight'] = stored([16, 16, 9], new Float32Array(16 * 16 * 9));
        }),
      /missing: bn2a\.bias; unknown: lin9\.bias; wrong: conv2b\.weight is \[16,16,9\] instead of \[16,16,3,3\]/,
    ],
    [
      'a long list is cut',
      () =>
        change((tensors) => {
          for (const name of Object.keys(tensors)) if (name.startsWith('bn')) delete tensors[name];
        }),
      /missing: (bn\w+\.\w+, ){4}bn\w+\.\w+ and 27 more/,
    ],
    [
      'values that are none',
      () =>
        change((tensors) => {
          (tensors['lin1.bias'].data as Float32Array)[2] = Number.NaN;
        }),
      /wrong: lin1\.bias holds values that are no numbers/,
    ],
    [
      'whole numbers',
      () =>
        change((tensors) => {
          tensors['lin3.bias'] = { dtype: 'I32', shape: [7], data: new Int32Array(7) };
        }),
      /lin3\.bias is I32 instead of floating point/,
    ],
    [
      'another network',
      () => saved({ 'features.0.weight': stored([1], new Float32Array(1)) }),
      /no tensor "conv1a\.weight", so it is not of network=vgg; it has features\.0\.weight/,
    ],
    [
      'classes without names',
      () => saved(stateDict(['a', 'b', 'c'])),
      /3 classes apart, and FER2013 has 7.*classes=/,
    ],
  ])('%s', async (_, make, message) => {
    const { code, stderr } = await bring(make(), 'overwrite=true');
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });

  test('crops that are larger than a face, before a folder is made', async () => {
    const args = ['name=large', `runs=${at('runs')}`, 'crop_size=50'];
    const { code, stderr } = await fer('import', saved(stateDict(LABELS, 48)), ...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^crops of crop_size=50 do not fit into faces of 48x48 pixels: give crop_size=48/);
    expect(existsSync(at('runs', 'large'))).toBe(false);
  });

  test('the same class twice', async () => {
    const { code, stderr } = await bring(saved(stateDict(['a', 'b', 'c'])), 'classes=joy+happy+sad');
    expect(code).toBe(1);
    expect(stderr).toMatch(/classes= names 3, some twice/);
  });

  test.each([
    ['a zip archive of torch.save', Buffer.from('PK\u0003\u0004rest of it', 'latin1')],
    ['a bare pickle', Buffer.from([0x80, 2, 0x7d, 0x71, 0, 0x58, 4, 0, 0, 0])],
  ])('%s: says how to convert it', async (_, bytes) => {
    const file = at("it's epoch_300");
    writeFileSync(file, bytes);
    const { code, stderr } = await bring(file);
    expect(code).toBe(1);
    expect(stderr).toMatch(/file of torch\.save.*save_file\(c\.get\('params', c\)/);
    expect(stderr.endsWith(`" '${at("it'\\''s epoch_300")}'\n`)).toBe(true);
  });

  test('a header of 640 bytes is no pickle', async () => {
    const file = at('odd.safetensors');
    const header = Buffer.alloc(8 + 640, ' ');
    header.writeBigUInt64LE(640n);
    header.write('{}', 8);
    writeFileSync(file, header);
    expect((await bring(file)).stderr).toMatch(/no tensor "conv1a\.weight".*none at all/);
  });

  test('a path that is no file', async () => {
    mkdirSync(at('empty'));
    expect((await bring(at('none.safetensors'))).stderr).toMatch(/is not there: give a \.safetensors file/);
    expect((await bring(at('empty'))).stderr).toMatch(/is a folder: give a \.safetensors file/);
  });
});
