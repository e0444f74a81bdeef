import fs, {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Dataset, Split } from '../src/data/dataset.ts';
import { loadDataset } from '../src/data/load.ts';
import { ReferenceBackend } from '../src/engine/backend/reference.ts';
import { WasmBackend } from '../src/engine/backend/wasm.ts';
import { keyOf, uniform } from '../src/engine/random.ts';
import { computeMetrics } from '../src/evaluate/metrics.ts';
import { Recognizer } from '../src/evaluate/recognizer.ts';
import { readSafetensors, writeSafetensors } from '../src/io/safetensors.ts';
import { readModel, type StoredModel } from '../src/nn/model.ts';
import { fer } from './commands.ts';
import { officialRow, temporaryFolder } from './dataFiles.ts';
import { placedTexts, textGrid } from './svg.ts';
import { trainTiny } from './training.ts';

const folder = temporaryFolder();
const at = (...names: string[]): string => join(folder.path, ...names);
const DATA = 'synthetic:120';
const MODEL = at('runs', 'a');
beforeAll(async () => {
  vi.stubEnv('FER_CACHE', at('cache'));
  const dataset = await loadDataset(DATA);
  await trainTiny({ runs: at('runs'), n_epochs: 6, lr: 0.02, augment: false }, { dataset });
});
afterAll(() => {
  vi.unstubAllEnvs();
  folder.remove();
});

async function evaluate(...args: string[]) {
  const { code, stdout, stderr } = await fer('evaluate', 'json=true', ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

/** The scores that an evaluation writes, image by image. */
async function answers(model: string, name: string): Promise<{ scores: number[][] }> {
  const out = at('answers', name);
  await evaluate(model, `data=${DATA}`, 'crops=1', `out=${out}`);
  const rows = readFileSync(join(out, 'predictions.csv'), 'utf8').trimEnd().split('\n').slice(1);
  return { scores: rows.map((row) => row.split(',').slice(4).map(Number)) };
}

/** The images of a split, side by side, and their labels by name. */
function facesOf({ images, targets, labels, splits, size }: Dataset, split: Split, limit: number) {
  const indices = [...splits[split]].slice(0, limit);
  const pixels = size * size;
  const faces = indices.map((index) => images.subarray(index * pixels, (index + 1) * pixels));
  return { faces, names: indices.map((index) => labels[targets[index]]), size };
}

/** One square of an image of side `size`, its columns from right to left where mirrored. */
function cut(image: Uint8Array, size: number, [left, top]: number[], mirrored: boolean): Uint8Array {
  const rows = Array.from({ length: 40 }, (_, y) => {
    const row = image.subarray((top + y) * size + left, (top + y) * size + left + 40);
    return mirrored ? [...row].reverse() : [...row];
  });
  return Uint8Array.from(rows.flat());
}

/** Logits in float64 of crops cut here: a model that takes 40x40 images has nothing left to crop. */
async function referenceLogits(
  model: StoredModel,
  faces: readonly Uint8Array[],
  crops: 1 | 10,
): Promise<Float64Array> {
  const corners = [
    [4, 4],
    [0, 0],
    [8, 0],
    [0, 8],
    [8, 8],
  ];
  const cuts =
    crops === 1
      ? [[corners[0], false] as const]
      : corners.flatMap((corner) => [[corner, false] as const, [corner, true] as const]);
  const backend = new ReferenceBackend();
  const description = { ...model.description, imageSize: 40 };
  const recognizer = new Recognizer(backend, { ...model, description }, { crops: 1, batch: cuts.length });
  const L = description.labels.length;
  const logits = new Float64Array(faces.length * L);
  for (const [i, face] of faces.entries()) {
    const cropped = cuts.flatMap(([corner, mirrored]) => [...cut(face, 48, corner, mirrored)]);
    const rows = await recognizer.logits(Uint8Array.from(cropped));
    rows.forEach((value, j) => {
      logits[i * L + (j % L)] += value / cuts.length;
    });
  }
  await backend.close();
  return logits;
}

describe('figures', () => {
  test.each([
    [1, 12],
    [10, 3],
  ] as const)('are those of the definition, %i crops', async (crops, limit) => {
    const model = readModel(MODEL);
    const { faces, names } = facesOf(await loadDataset(DATA), 'PublicTest', limit);
    const logits = await referenceLogits(model, faces, crops);
    const { labels } = model.description;
    const targets = names.map((name) => labels.indexOf(name));
    const { loss, imagesPerSecond: _, ...exact } = computeMetrics(logits, targets, labels);
    const found = await evaluate(`model=${MODEL}`, `data=${DATA}`, `crops=${crops}`, `limit=${limit}`);
    expect(found).toMatchObject(exact);
    expect(Math.abs(found.loss / loss - 1)).toBeLessThan(1e-4);
    expect(found.n).toBe(limit);
    expect(found.imagesPerSecond).toBeGreaterThan(0);
    const backend = await WasmBackend.create({ threads: 2 });
    const recognizer = new Recognizer(backend, model, { crops, batch: 5 });
    const fast = await recognizer.logits(Uint8Array.from(faces.flatMap((face) => [...face])));
    await backend.close();
    const scale = Math.max(...logits.map(Math.abs));
    expect(fast).toHaveLength(logits.length);
    fast.forEach((value, i) => {
      expect(Math.abs(value - logits[i]) / scale).toBeLessThan(1e-4);
    });
  });

  test('do not depend on the size of a step or on threads', async () => {
    const common = [`model=${MODEL}`, `data=${DATA}`];
    const results = [];
    for (const args of [['bs=64'], ['bs=10'], ['bs=64', 'threads=1'], ['bs=70', 'threads=3']]) {
      const { imagesPerSecond: _, ...figures } = await evaluate(...common, ...args);
      results.push(figures);
    }
    expect(results[2]).toEqual(results[0]);
    for (const { loss, ...exact } of results) {
      expect(results[0]).toMatchObject(exact);
      expect(loss).toBeCloseTo(results[0].loss, 5);
    }
    expect(results[0].n).toBe(12);
  });

  test('of several networks together', async () => {
    const other = at('runs', 'other');
    const dataset = await loadDataset(DATA);
    await trainTiny({ runs: at('runs'), name: 'other', n_epochs: 3, lr: 0.02, seed: 5 }, { dataset });
    const folders = [MODEL, other];
    const { scores } = await answers(`model=${folders.join('+')}`, 'both');
    const alone = [
      (await answers(`model=${MODEL}`, 'one')).scores,
      (await answers(`model=${other}`, 'two')).scores,
    ];
    expect(scores.length).toBeGreaterThan(10);
    expect(alone[0]).not.toEqual(alone[1]);
    scores.forEach((row, i) => {
      row.forEach((score, l) => {
        expect(score).toBeCloseTo((alone[0][i][l] + alone[1][i][l]) / 2, 4);
      });
    });
    const { code, stderr } = await fer('evaluate', `model=${MODEL}+${at('runs', 'none')}`, `data=${DATA}`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^model=.*\+.*: there is no model at .*none/);
  });

  test('of another split, as a table, and in a file', async () => {
    const out = at('figures.json');
    const { code, stdout } = await fer(
      'evaluate',
      `model=${MODEL}`,
      `data=${DATA}`,
      'split=Training',
      'limit=14',
      'crops=1',
      `out=${out}`,
    );
    expect(code).toBe(0);
    const figures = JSON.parse(readFileSync(out, 'utf8'));
    expect(figures.n).toBe(14);
    expect(stdout).toContain((100 * figures.accuracy).toFixed(2));
    for (const label of figures.labels) expect(stdout).toContain(label);
  });

  test('in a folder: figures, predictions, and the confusion matrix four times', async () => {
    const out = at('evaluation');
    const args = [`model=${MODEL}`, `data=${DATA}`, 'split=Training', 'crops=1', `out=${out}`];
    const figures = await evaluate(...args);
    expect(readdirSync(out).sort()).toEqual(
      ['json', 'csv', 'png', 'svg']
        .map((type) => `confusion.${type}`)
        .concat('metrics.json', 'predictions.csv')
        .sort(),
    );
    const read = (name: string): string => readFileSync(join(out, name), 'utf8');
    const rows = (name: string): string[][] =>
      read(name)
        .trimEnd()
        .split('\n')
        .map((line) => line.split(','));
    expect(JSON.parse(read('metrics.json'))).toEqual(figures);
    const { labels, confusion, confusionNormalized } = figures;
    expect(JSON.parse(read('confusion.json'))).toEqual({
      rows: 'target',
      columns: 'prediction',
      labels,
      counts: confusion,
      normalized: confusionNormalized,
    });
    const texts = placedTexts(read('confusion.svg'));
    expect(textGrid(texts, 15)).toEqual(
      confusionNormalized.map((row: number[]) => row.map((share) => (100 * share).toFixed(1))),
    );
    expect(textGrid(texts, 11)).toEqual(confusion.map((row: number[]) => row.map(String)));
    const accuracy = (100 * figures.accuracy).toFixed(2);
    expect(texts.map(({ text }) => text).join('\n')).toContain(
      `a on Training, ${figures.n} images: accuracy ${accuracy} %`,
    );
    const [head, ...cells] = rows('confusion.csv');
    expect(head).toEqual(['target', 'prediction', 'images', 'share_of_target']);
    expect(cells).toEqual(
      labels.flatMap((target: string, r: number) =>
        labels.map((prediction: string, c: number) => [
          target,
          prediction,
          String(confusion[r][c]),
          String(confusionNormalized[r][c]),
        ]),
      ),
    );
    const { width } = await sharp(join(out, 'confusion.png')).metadata();
    expect(width).toBeGreaterThan(1100);

    const [columns, ...predictions] = rows('predictions.csv');
    const scores = labels.map((label: string) => `score_${label}`);
    expect(columns).toEqual(['image', 'target', 'prediction', 'correct', ...scores]);
    expect(predictions).toHaveLength(figures.n);
    const counted = labels.map(() => labels.map(() => 0));
    const { names } = facesOf(await loadDataset(DATA), 'Training', figures.n);
    predictions.forEach(([image, target, prediction, correct, ...shares], n) => {
      expect([Number(image), target, correct]).toEqual([n, names[n], target === prediction ? '1' : '0']);
      const numbers = shares.map(Number);
      expect(numbers.reduce((a, b) => a + b)).toBeCloseTo(1, 4);
      expect(labels[numbers.indexOf(Math.max(...numbers))]).toBe(prediction);
      counted[labels.indexOf(target)][labels.indexOf(prediction)]++;
    });
    expect(counted).toEqual(confusion);
  });

  const QUICK = ['evaluate', `model=${MODEL}`, `data=${DATA}`, 'crops=1'];
  test('are printed even where out= cannot be written', async () => {
    const out = at('nowhere', 'figures.json');
    const write = vi.spyOn(fs, 'writeSync').mockImplementation(() => {
      throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
    });
    const { code, stdout, stderr } = await fer(...QUICK, 'json=true', `out=${out}`);
    write.mockRestore();
    expect(code).toBe(1);
    expect(JSON.parse(stdout).n).toBe(12);
    expect(stderr).toContain(`cannot write ${out}`);
  });

  test('and an out= that can never be written is refused before the work', async () => {
    writeFileSync(at('taken'), '');
    mkdirSync(at('taken.json'));
    for (const [name, message] of [
      ['taken', /taken/],
      ['taken.json', /taken\.json is a folder, where a file is to be written/],
    ] as const) {
      const { code, stdout, stderr } = await fer(...QUICK, `out=${at(name)}`);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(message);
    }
  });
});

test('images that are training images as well are left out of a second accuracy', async () => {
  const data = at('twice.csv');
  const usages = ['Training', 'Training', 'PublicTest', 'PublicTest', 'PublicTest', 'PrivateTest'];
  const rows = usages.map((usage, i) => officialRow(i === 3 ? 1 : i, i % 7, usage));
  writeFileSync(data, `emotion,pixels,Usage\n${rows.join('\n')}\n`);
  const given = [`model=${MODEL}`, `data=${data}`, 'crops=1'];
  const { unseen, n } = await evaluate(...given, 'split=PublicTest', `out=${at('twice')}`);
  expect(n).toBe(3);
  const lines = readFileSync(at('twice', 'predictions.csv'), 'utf8').trimEnd().split('\n').slice(1);
  const right = lines.map((line) => Number(line.split(',')[3]));
  expect(unseen).toEqual({ n: 2, accuracy: (right[0] + right[2]) / 2 });
  expect(JSON.parse(readFileSync(at('twice', 'metrics.json'), 'utf8')).unseen).toEqual(unseen);
  for (const others of [['split=PrivateTest'], ['split=Training'], ['split=PublicTest', 'limit=1']]) {
    expect(await evaluate(...given, ...others)).not.toHaveProperty('unseen');
  }
});

describe('labels are matched by name', () => {
  const pictures = at('pictures');
  const names = ['amused', 'bored', 'happy'];
  beforeAll(async () => {
    const { faces, size } = facesOf(await loadDataset(DATA), 'Training', 30);
    for (const [i, face] of faces.entries()) {
      const place = join(pictures, i < 21 ? 'train' : 'test', names[i % 3]);
      mkdirSync(place, { recursive: true });
      await sharp(face, { raw: { width: size, height: size, channels: 1 } })
        .png()
        .toFile(join(place, `${i}.png`));
    }
    const dataset = await loadDataset(pictures);
    expect(dataset.labels).toEqual(names);
    await trainTiny({ runs: at('runs'), name: 'named', n_epochs: 8, lr: 0.02, augment: false }, { dataset });
  });

  test('whatever the order of the model', async () => {
    // The same network with its outputs in another order.
    const permuted = at('runs', 'permuted');
    cpSync(at('runs', 'named'), permuted, { recursive: true });
    const order = [2, 0, 1];
    const record = JSON.parse(readFileSync(join(permuted, 'config.json'), 'utf8'));
    record.model.labels = order.map((i) => names[i]);
    writeFileSync(join(permuted, 'config.json'), JSON.stringify(record));
    const { tensors, metadata } = readSafetensors(join(permuted, 'best.safetensors'));
    for (const name of ['lin3.weight', 'lin3.bias']) {
      const { shape, data } = tensors[name];
      const row = data.length / 3;
      const moved = Float32Array.from(data as Float32Array, (_, i) => {
        return (data as Float32Array)[order[Math.floor(i / row)] * row + (i % row)];
      });
      tensors[name] = { dtype: 'F32', shape, data: moved };
    }
    writeSafetensors(join(permuted, 'best.safetensors'), tensors, metadata);
    const [plain, moved] = [
      await evaluate(`model=${at('runs', 'named')}`, `data=${pictures}`, 'split=PublicTest', 'crops=1'),
      await evaluate(`model=${permuted}`, `data=${pictures}`, 'split=PublicTest', 'crops=1'),
    ];
    expect(moved.labels).toEqual(['happy', 'amused', 'bored']);
    expect(moved.accuracy).toBe(plain.accuracy);
    expect(moved.loss).toBeCloseTo(plain.loss, 6);
    const byLabel = (figures: typeof plain) =>
      Object.fromEntries(figures.perClass.map((row: { label: string }) => [row.label, row]));
    expect(byLabel(moved)).toEqual(byLabel(plain));
    expect(moved.confusion[0][1]).toBe(plain.confusion[2][0]);
  });

  test('data with a label that the model does not know', async () => {
    const { code, stdout, stderr } = await fer('evaluate', `model=${MODEL}`, `data=${pictures}`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(
      /labels the model does not know: amused, bored; it knows angry, disgust, .*neutral/,
    );
  });

  test('data with fewer labels than the model', async () => {
    const some = at('some');
    cpSync(join(pictures, 'train', 'happy'), join(some, 'test', 'happy'), { recursive: true });
    const figures = await evaluate(`model=${MODEL}`, `data=${some}`, 'crops=1');
    const happy = figures.labels.indexOf('happy');
    expect(figures.perClass[happy]).toMatchObject({ label: 'happy', support: 7 });
    expect(figures.confusion.flat().reduce((a: number, b: number) => a + b)).toBe(7);
  });

  test('a split without images', async () => {
    const { code, stderr } = await fer(
      'evaluate',
      `model=${at('runs', 'named')}`,
      `data=${pictures}`,
      'split=PrivateTest',
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/no image in PrivateTest \(Training 21, PublicTest 9, PrivateTest 0\).*split=/);
  });
});

describe('a model that is none', () => {
  const spoilt = at('spoilt');
  const spoil = (how: () => void): void => {
    rmSync(spoilt, { recursive: true, force: true });
    cpSync(MODEL, spoilt, { recursive: true });
    how();
  };
  const edit = (change: (model: Record<string, unknown>) => void): void => {
    const record = JSON.parse(readFileSync(join(spoilt, 'config.json'), 'utf8'));
    change(record.model);
    writeFileSync(join(spoilt, 'config.json'), JSON.stringify(record));
  };

  test.each<[string, () => void, RegExp]>([
    ['no folder', () => rmSync(spoilt, { recursive: true }), /there is no model at .*model=runs\/my_vgg/],
    [
      'no config.json',
      () => rmSync(join(spoilt, 'config.json')),
      /config\.json is missing: it says which network/,
    ],
    ['no JSON', () => writeFileSync(join(spoilt, 'config.json'), '{'), /config\.json is not valid JSON/],
    [
      'no weights',
      () => {
        for (const name of ['best', 'last']) rmSync(join(spoilt, `${name}.safetensors`));
      },
      /holds no weights/,
    ],
    [
      'cut weights',
      () => truncateSync(join(spoilt, 'best.safetensors'), 1e6),
      /best\.safetensors is not a usable/,
    ],
    [
      'an unknown network',
      () => edit((model) => (model.network = 'resnet')),
      /"network" is "resnet", known are vgg/,
    ],
    [
      'another width',
      () => edit((model) => (model.width = 16)),
      /"conv1a\.weight" is \[8,1,3,3\], this network needs \[16,1,3,3\]/,
    ],
    [
      'half a channel',
      () => edit((model) => (model.width = 8.5)),
      /"width" is 8\.5, expected a whole number/,
    ],
    [
      'small images',
      () => edit((model) => (model.imageSize = 39)),
      /"imageSize" is 39, expected 40 at least/,
    ],
    ['a label twice', () => edit((model) => (model.labels = ['sad', 'sad'])), /"labels" is \["sad","sad"\]/],
    [
      'one label more',
      () => edit((model) => (model.labels as string[]).push('contempt')),
      /"lin3\.weight" is \[7,512\], this network needs \[8,512\]/,
    ],
  ])('%s', async (_, how, message) => {
    spoil(how);
    const { code, stdout, stderr } = await fer('evaluate', `model=${spoilt}`, `data=${DATA}`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(message);
  });

  test('weights that are not finite', async () => {
    spoil(() => {
      const file = join(spoilt, 'best.safetensors');
      const { tensors, metadata } = readSafetensors(file);
      (tensors['conv1a.bias'].data as Float32Array)[0] = Number.NaN;
      writeSafetensors(file, tensors, metadata);
    });
    const { code, stderr } = await fer('evaluate', `model=${spoilt}`, `data=${DATA}`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/answers image 0 with NaN/);
  });

  test('a file of weights in a run is one', async () => {
    const figures = await evaluate(`model=${join(MODEL, 'last.safetensors')}`, `data=${DATA}`, 'crops=1');
    expect(figures.n).toBe(12);
  });
});

test('seeded noise gives other logits than faces', async () => {
  const backend = await WasmBackend.create({ threads: 2 });
  const recognizer = new Recognizer(backend, readModel(MODEL), { crops: 1, batch: 4 });
  const noise = Uint8Array.from({ length: 48 * 48 }, (_, i) => 256 * uniform(keyOf(1), i));
  const [a, b] = [await recognizer.logits(noise), await recognizer.logits(noise.map((value) => 255 - value))];
  expect(a).not.toEqual(b);
  expect(await recognizer.logits(new Uint8Array(0))).toHaveLength(0);
  await expect(recognizer.logits(noise.subarray(1))).rejects.toThrow(
    '2303 pixels are no whole number of 48x48 faces',
  );
  await backend.close();
});
