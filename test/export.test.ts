import fs, {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadDataset } from '../src/data/load.ts';
import type { ModelCard } from '../src/export/modelCard/card.ts';
import { training } from '../src/export/modelCard/training.ts';
import { type Provenance, readProvenance } from '../src/export/provenance.ts';
import { decodeHalf, encodeHalf } from '../src/io/half.ts';
import { writeSafetensors } from '../src/io/safetensors.ts';
import { readModel } from '../src/nn/model.ts';
import { RELEASED_MODEL, releasedModel } from '../src/nn/released.ts';
import { lockRun } from '../src/train/runLock.ts';
import { fer } from './commands.ts';
import { officialRow, temporaryFolder } from './dataFiles.ts';
import { snapshot, tensorsOf, trainTiny } from './training.ts';

const folder = temporaryFolder();
const at = (...names: string[]): string => join(folder.path, ...names);
const DATA = 'synthetic:120';
const RUN = at('runs', 'a');
beforeAll(async () => {
  vi.stubEnv('FER_CACHE', at('cache'));
  const dataset = await loadDataset(DATA, { seed: 7 });
  await trainTiny(
    { runs: at('runs'), data: DATA, n_epochs: 3, lr: 0.02, augment: false, seed: 7 },
    { dataset },
  );
});
afterAll(() => {
  vi.unstubAllEnvs();
  folder.remove();
});

async function json(...args: string[]) {
  const { code, stdout, stderr } = await fer(...args, 'json=true');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}
const card = (out: string): string => readFileSync(join(out, 'README.md'), 'utf8');

describe('a model folder', () => {
  const full = at('models', 'full');
  const half = at('models', 'half');
  let result: Awaited<ReturnType<typeof json>>;
  beforeAll(async () => {
    const both = 'splits=PublicTest+PrivateTest';
    await json('export', `model=${RUN}`, `out=${full}`, `data=${DATA}`, both, 'license=MIT');
    result = await json('export', `model=${RUN}`, `out=${half}`, `data=${DATA}`, 'dtype=fp16');
  });

  test('holds weights, descriptions, history, command and card', () => {
    expect(readdirSync(half).sort()).toEqual([
      'README.md',
      'command.txt',
      'config.json',
      'history.csv',
      'model.safetensors',
      'preprocessor_config.json',
    ]);
    expect(readFileSync(join(half, 'history.csv'))).toEqual(readFileSync(join(RUN, 'history.csv')));
  });

  test('single precision keeps every bit, and the answers', async () => {
    const [run, model] = [readModel(RUN), readModel(full)];
    expect(model.description).toEqual(run.description);
    expect(tensorsOf(model.file)).toEqual(tensorsOf(run.file));
    expect(model.metadata).toMatchObject({ format: 'pt', network: 'vgg', epoch: run.metadata.epoch });
    const evaluate = async (path: string) => {
      const { imagesPerSecond: _, ...figures } = await json('evaluate', `model=${path}`, `data=${DATA}`);
      return figures;
    };
    expect(await evaluate(full)).toEqual(await evaluate(RUN));
  });

  test('half precision rounds the weights alone, and says what that costs', async () => {
    const [run, model] = [readModel(RUN), readModel(half)];
    for (const [name, { dtype, data }] of Object.entries(model.tensors)) {
      const weight = /^(conv|lin).*\.weight$/.test(name);
      expect([name, dtype]).toEqual([name, weight ? 'F16' : 'F32']);
      const before = run.tensors[name].data as Float32Array;
      expect(data).toEqual(weight ? decodeHalf(encodeHalf(before)) : before);
    }
    expect(statSync(join(half, 'model.safetensors')).size).toBe(result.bytes);
    expect(result.bytes).toBeLessThan(0.6 * statSync(join(full, 'model.safetensors')).size);
    const [{ before, after, changed, largest, n }] = result.rounding;
    const [of32, of16] = [
      await json('evaluate', `model=${RUN}`, `data=${DATA}`),
      await json('evaluate', `model=${half}`, `data=${DATA}`),
    ];
    expect({ before, after, n }).toEqual({ before: of32.accuracy, after: of16.accuracy, n: 12 });
    expect(changed).toBeGreaterThanOrEqual(Math.abs(before - after) * n - 1e-9);
    expect(largest).toBeGreaterThan(0);
    expect(largest).toBeLessThan(0.05);
    expect(card(half)).toContain('Half precision changed the accuracy on PublicTest');
    expect(card(full)).not.toContain('Half precision changed');
  });

  test('config.json and preprocessor_config.json speak to others as well', () => {
    const read = (name: string) => JSON.parse(readFileSync(join(half, name), 'utf8'));
    const config = read('config.json');
    expect(config).toMatchObject({
      architectures: ['vgg'],
      torch_dtype: 'float16',
      num_channels: 1,
      model: readModel(RUN).description,
      train: { seed: 7, data: 'synthetic:120', runs: 'runs' },
    });
    expect(config.id2label[6]).toBe('neutral');
    expect(config.label2id.neutral).toBe(6);
    const { crops, ...preprocessor } = read('preprocessor_config.json');
    expect(preprocessor).toMatchObject({ size: { height: 48, width: 48 }, do_normalize: false });
    expect(crops).toHaveLength(10);
    expect(crops[6]).toEqual({ left: 0, top: 0, mirror: true });
  });

  test('the card is of these figures', async () => {
    const text = card(full);
    const { accuracy, confusion, labels } = await json('evaluate', `model=${full}`, `data=${DATA}`);
    expect(text).toMatch(/^---\nlicense: mit\n[\s\S]*\n---\n\n# full\n/);
    expect(card(half)).toContain('Licence: not stated.');
    expect(card(half)).not.toMatch(/^license:/m);
    expect(text).toContain(`            value: ${accuracy.toFixed(6)}`);
    expect(text).toContain('### PublicTest: 12 images');
    expect(text).toContain('### PrivateTest: 12 images');
    expect(text).toContain('were chosen by PublicTest');
    expect(text.match(/were chosen by/g)).toHaveLength(1);
    for (const [c, row] of confusion.entries())
      expect(text).toContain(`| ${[labels[c], ...row].join(' | ')} |`);
    for (const warning of ['not a feeling', 'At work and in education', 'must be told']) {
      expect(text).toContain(warning);
    }
    expect(text).not.toContain(folder.path);
  });

  test('a licence is one word, and nothing that an ONNX file has', async () => {
    const args = ['export', `model=${RUN}`, `out=${at('models', 'licence')}`];
    const [bad, onnx] = [
      await fer(...(args as ['export']), 'license=MIT or later'),
      await fer(...(args as ['export']), 'license=MIT', 'format=onnx'),
    ];
    expect(bad).toMatchObject({ code: 2, stderr: expect.stringContaining('an SPDX identifier such as MIT') });
    expect(onnx).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^license= would have no effect: format=onnx writes no model card/),
    });
  });

  test('promises the same weights of a training from nothing to its end alone', async () => {
    const promise = 'The same command with the same data gives the same weights to the last bit';
    expect(card(full)).toContain(promise);
    const record = { ...readProvenance(readModel(full).file) } as Provenance;
    const cardWith = (changed: Partial<Provenance>): string =>
      training({ provenance: { ...record, ...changed } } as ModelCard);
    expect(cardWith({})).toContain(promise);
    const stopped = cardWith({ history: record.history.slice(0, 2) });
    expect(stopped).toMatch(/^2 of 3 epochs in /);
    expect(stopped).toContain(
      'This command documents how the weights were made. a was stopped after 2 of its 3',
    );
    expect(stopped).not.toContain(promise);
    expect(cardWith({ history: [] })).toContain('After how many epochs a ended is not recorded.');
  });

  test('the command repeats the training', async () => {
    const [made, command] = readFileSync(join(full, 'command.txt'), 'utf8').trimEnd().split('\n');
    expect(made).toMatch(/^# fer \d/);
    const again = at('again');
    const words = command.split(' ').slice(1);
    expect(words).toContain('seed=7');
    const { code } = await fer(...words, `runs=${again}`, 'threads=1');
    expect(code).toBe(0);
    const [name] = readdirSync(again);
    expect(tensorsOf(join(again, name, 'best.safetensors'))).toEqual(
      tensorsOf(join(RUN, 'best.safetensors')),
    );
  });

  test('is a model to start from and a run to report on', async () => {
    const args = [`data=${DATA}`, `runs=${at('runs')}`, 'n_epochs=1', 'eval_crops=1', 'threads=1'];
    expect((await fer('train', 'name=next', `from=${half}`, ...args)).code).toBe(0);
    const chained = at('models', 'chained');
    await json('export', `model=${at('runs', 'next')}`, `out=${chained}`, `data=${DATA}`);
    const lines = readFileSync(join(chained, 'command.txt'), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => line.slice(0, 12))).toEqual([
      expect.stringMatching('# fer '),
      'fer train da',
      '# the next o',
      'fer train da',
    ]);
    expect(lines[2]).toMatch(/starts from models\/half\/model\.safetensors, SHA-256 [0-9a-f]{64}$/);
    expect(card(chained)).toContain(
      'These commands document how the weights were made. Weights that a comment names by their SHA-256 do not',
    );
    const report = at('report.html');
    expect((await fer('report', half, `data=${DATA}`, 'faces=0', 'mistakes=0', `out=${report}`)).code).toBe(
      0,
    );
  });

  test('tells of stages that are there no more what was written of them, and nothing of what lies in their place', async () => {
    const [next, chained, replaced] = [at('runs', 'next'), at('models', 'chained'), at('models', 'replaced')];
    const lines = (of: string): string[] =>
      readFileSync(join(of, 'command.txt'), 'utf8').trimEnd().split('\n');
    cpSync(half, at('kept'), { recursive: true });
    await json('export', `model=${RUN}`, `out=${half}`, `data=${DATA}`, 'dtype=fp32', 'overwrite=true');
    await json('export', `model=${next}`, `out=${replaced}`, `data=${DATA}`);
    expect(lines(replaced)).toEqual([lines(chained)[0], ...lines(chained).slice(2)]);
    await json('export', `model=${chained}`, `out=${at('models', 'copy')}`, `data=${DATA}`);
    expect(lines(at('models', 'copy'))).toEqual(lines(chained));
    rmSync(half, { recursive: true });
    cpSync(at('kept'), half, { recursive: true });
  });

  test('says so where its figures are of other data than it learned from', async () => {
    const [out, data] = [at('models', 'elsewhere'), at('elsewhere.csv')];
    const rows = [0, 1, 2, 3, 4, 5, 6].map((i) => officialRow(i, i, 'PublicTest'));
    writeFileSync(data, `emotion,pixels,Usage\n${rows.join('\n')}\n`);
    await json('export', `model=${RUN}`, `out=${out}`, `data=${data}`, 'limit=7');
    expect(card(out)).toContain('          name: "elsewhere.csv"\n          type: "elsewhere-csv"');
    expect(card(out)).toContain('On elsewhere.csv (limit=7 images of each split); SHA-256 of its content: `');
    expect(card(out)).toContain('Its training was on other data: drawn faces.');
    expect(card(out)).not.toContain('were chosen by');
    for (const own of [full, half]) {
      expect(card(own)).toContain('On drawn faces; SHA-256');
      expect(card(own)).not.toContain('on other data');
    }
    // What was seen before may be this data: `next` started from weights chosen by PublicTest.
    const later = at('models', 'later');
    await json('export', `model=${at('runs', 'next')}`, `out=${later}`, `data=${data}`);
    expect(card(later)).toContain('were chosen by PublicTest, in a training before this one');
  });

  test('knows its data by the name as well, wherever it lies', async () => {
    const [out, folder] = [at('models', 'named'), at('deep', 'down')];
    mkdirSync(folder, { recursive: true });
    const rows = [...Array(14).keys()].flatMap((i) =>
      ['Training', 'PublicTest'].map((usage) => officialRow(i, i % 7, usage)),
    );
    writeFileSync(join(folder, 'fer2013.csv'), `emotion,pixels,Usage\n${rows.join('\n')}\n`);
    const data = `data=${join(folder, 'fer2013.csv')}`;
    const args = ['name=named', `runs=${at('runs')}`, 'n_epochs=1', 'width=8', 'eval_crops=1', 'threads=1'];
    expect((await fer('train', data, ...args, 'limit=10', 'curves=false')).code).toBe(0);
    await json('export', `model=${at('runs', 'named')}`, `out=${out}`, data);
    expect(card(out)).toContain('because the copy of FER2013 used has no PrivateTest images.');
    expect(card(out)).toContain('On FER2013; SHA-256');
    expect(card(out)).not.toContain('on other data');
    expect(card(out)).toContain('were chosen by PublicTest');
  });

  test('takes no note beside a run for its commands', async () => {
    const note = join(RUN, 'command.txt');
    writeFileSync(note, 'npx fer train data=x name=a\n');
    const out = at('models', 'noted');
    await json('export', `model=${RUN}`, `out=${out}`, `data=${DATA}`);
    rmSync(note);
    expect(readFileSync(join(out, 'command.txt'))).toEqual(readFileSync(join(full, 'command.txt')));
  });

  test('without data has no figures, and says so', async () => {
    const out = at('models', 'bare');
    const { code, stderr } = await fer('export', `model=${RUN}`, `out=${out}`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('the card has no figures') });
    expect(card(out)).toContain('Not measured here');
    expect(card(out)).not.toContain('model-index');
  });
});

describe('a model written over another', () => {
  const full = (name: string): Promise<string> =>
    json('export', `model=${RUN}`, `out=${at('over', name)}`, `data=${DATA}`).then(() => at('over', name));
  const over = (out: string, ...args: string[]) =>
    fer('export', `model=${RUN}`, `out=${out}`, 'dtype=fp16', 'overwrite=true', ...args);

  test('leaves it as it was where the disk is too small for the new weights', async () => {
    const out = await full('small disk');
    const before = snapshot(out);
    const write = vi.spyOn(fs, 'writeSync').mockImplementation(() => {
      throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
    });
    const { code, stderr } = await over(out);
    write.mockRestore();
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('disk is full') });
    expect(snapshot(out)).toEqual(before);
  });

  test('is none where it was cut short: neither weights nor card of the old one stay', async () => {
    const out = await full('cut short');
    rmSync(join(out, 'preprocessor_config.json'));
    mkdirSync(join(out, 'preprocessor_config.json'));
    expect((await over(out)).code).toBe(1);
    expect(readdirSync(out).sort()).toEqual(['config.json', 'preprocessor_config.json']);
  });

  test('may be itself: the card gets figures', async () => {
    const out = at('over', 'itself');
    await json('export', `model=${RUN}`, `out=${out}`, `data=${DATA}`);
    const weights = tensorsOf(join(out, 'model.safetensors'));
    expect((await fer('export', `model=${out}`, `out=${out}`, 'overwrite=true')).code).toBe(0);
    expect(card(out)).toContain('Not measured here');
    expect(tensorsOf(join(out, 'model.safetensors'))).toEqual(weights);
    expect(readdirSync(out)).toContain('history.csv');
  });

  test('by fer import and fer average has nothing of the old one', async () => {
    const out = await full('imported');
    const where = ['name=imported', `runs=${at('over')}`, 'overwrite=true'];
    const weights = join(await full('weights'), 'model.safetensors');
    expect((await fer('average', weights, `data=${DATA}`, ...where)).code).toBe(0);
    expect(readdirSync(out)).not.toContain('README.md');
    await json('export', `model=${RUN}`, `out=${out}`, `data=${DATA}`, 'overwrite=true');
    expect((await fer('import', weights, ...where)).code).toBe(0);
    expect(readdirSync(out).sort()).toEqual(['config.json', 'model.safetensors', 'preprocessor_config.json']);
  });
});

describe('refused', () => {
  test('a folder that is a run, also one that has its best weights alone', async () => {
    const run = at('best', 'a');
    cpSync(RUN, run, { recursive: true });
    rmSync(join(run, 'last.safetensors'));
    const before = snapshot(run);
    const { code, stderr } = await fer('export', `model=${RUN}`, `out=${run}`, 'overwrite=true');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('is a run') });
    expect(snapshot(run)).toEqual(before);
  });

  test('a folder that holds something', async () => {
    const out = at('models', 'full');
    const { code, stderr } = await fer('export', `model=${RUN}`, `out=${out}`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/full is not empty .*overwrite=true/);
    expect((await fer('export', `model=${RUN}`, `out=${out}`, 'overwrite=true')).code).toBe(0);
  });

  test('to replace files of the same names that are no model’s, or those of a run that has begun', async () => {
    const project = at('project');
    mkdirSync(project);
    writeFileSync(join(project, 'README.md'), 'mine');
    writeFileSync(join(project, 'config.json'), '{"model": "mine"}');
    const before = snapshot(project);
    const replace = (out: string) => fer('export', `model=${RUN}`, `out=${out}`, 'overwrite=true');
    expect(await replace(project)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /project holds no model \(README\.md, config\.json\).* choose another out=/,
      ),
    });
    expect(snapshot(project)).toEqual(before);
    const begun = at('begun');
    mkdirSync(begun);
    cpSync(join(RUN, 'config.json'), join(begun, 'config.json'));
    const release = lockRun(begun);
    expect(await replace(begun)).toMatchObject({ code: 1, stderr: expect.stringContaining('begun') });
    release();
    expect(readFileSync(join(begun, 'config.json'))).toEqual(readFileSync(join(RUN, 'config.json')));
    mkdirSync(at('notes'));
    writeFileSync(at('notes', 'notes.txt'), 'mine');
    expect((await replace(at('notes'))).code).toBe(0);
    expect(readFileSync(at('notes', 'notes.txt'), 'utf8')).toBe('mine');
  });

  test('weights beyond half precision', async () => {
    const model = readModel(RUN);
    const large = at('large');
    await json('export', `model=${RUN}`, `out=${large}`, `data=${DATA}`);
    const tensors = { ...model.tensors };
    (tensors['lin3.weight'].data as Float32Array)[3] = -70000;
    writeSafetensors(join(large, 'model.safetensors'), tensors);
    const { code, stderr } = await fer('export', `model=${large}`, `out=${at('h')}`, 'dtype=fp16');
    expect(code).toBe(1);
    expect(stderr).toMatch(/"lin3\.weight" holds 7\.000e\+4.*65504: give dtype=fp32/);
  });

  test('a damaged training record', async () => {
    const damaged = at('damaged');
    await json('export', `model=${RUN}`, `out=${damaged}`, `data=${DATA}`);
    const file = join(damaged, 'config.json');
    const config = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...config, train: { ...config.train, lr: 'x' } }));
    const { code, stderr } = await fer('export', `model=${damaged}`, `out=${at('d')}`);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('lr is "x"') });
    writeFileSync(file, JSON.stringify({ model: config.model, imported: 'x' }));
    const again = await fer('export', `model=${damaged}`, `out=${at('d')}`);
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('config.json: "imported" is "x"'),
    });
  });
});

describe('where no model is named', () => {
  test('the released one is meant, and missed where it is not there', async () => {
    expect(() => releasedModel(at('nowhere'))).toThrow(
      /that comes with fer is missing .*nowhere.*model=runs/,
    );
    expect(releasedModel(RUN)).toBe(RUN);
    const { code, stdout, stderr } = await fer('evaluate', 'data=synthetic:70', 'json=true', 'crops=1');
    const there = existsSync(join(RELEASED_MODEL, 'config.json'));
    if (there) expect(JSON.parse(stdout).labels).toEqual(readModel(RELEASED_MODEL).description.labels);
    else expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('no model was named') });
  });
});
