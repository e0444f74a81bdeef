import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TrainConfig } from '../src/config.ts';
import { sizeOf } from '../src/engine/tensor.ts';
import { FerError, Interrupted, UsageError } from '../src/errors.ts';
import { prepareTraining } from '../src/index.ts';
import { readSafetensors } from '../src/io/safetensors.ts';
import { buildModel } from '../src/nn/model.ts';
import { RunFolder } from '../src/train/runFolder.ts';
import type { TrainListener } from '../src/train/train.ts';
import { fer } from './commands.ts';
import { temporaryFolder } from './dataFiles.ts';
import { configOf, digest, faces, figuresOf, outcomeOf, snapshot, tensorsOf, trainTiny } from './training.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const at = (...names: string[]): string => join(folder.path, ...names);

const dataset = faces();
/** A finished run; its best and its last weights may differ. */
const SOURCE = at('source', 'a');
const BEST = join(SOURCE, 'best.safetensors');
beforeAll(() => trainTiny({ runs: at('source'), n_epochs: 3, save_freq: 1 }, { dataset }));

/** The stage of the paper. */
const STAGE = {
  from: SOURCE,
  train: ['Training', 'PublicTest'],
  val: 'none',
  scheduler: 'cosine',
  lr: 1e-4,
  n_epochs: 2,
} satisfies Partial<TrainConfig>;

/** A run that is killed after its first step, and what it said until then. */
async function killAtFirstStep(settings: Parameters<typeof trainTiny>[0]) {
  const notes: string[] = [];
  const starts: unknown[] = [];
  const listener: TrainListener = {
    onNote: (line) => notes.push(line),
    onEpochStart: (progress, images) => starts.push({ ...progress, images }),
    onStep() {
      throw new Error('killed');
    },
  };
  await expect(trainTiny(settings, { dataset, listener })).rejects.toThrow('killed');
  return { notes, starts };
}

describe('a run that starts from other weights', () => {
  test('knows what they had seen, for itself and for what is made of it', async () => {
    const [runs, next] = [at('seen'), at('seen next')];
    await trainTiny({ ...STAGE, runs, n_epochs: 1 }, { dataset });
    const seen = { learned: ['Training', 'PublicTest'], watched: ['PublicTest'] };
    const { from } = new RunFolder(runs, 'a').readRecord();
    expect(from?.seen).toEqual({ learned: ['Training'], watched: ['PublicTest'] });
    await trainTiny({ from: join(runs, 'a'), runs: next, val: 'none', n_epochs: 1 }, { dataset });
    expect(new RunFolder(next, 'a').readRecord().from?.seen).toEqual(seen);
    const settings = ['data=synthetic:70', 'split=PublicTest', 'crops=1', 'resamples=200', 'faces=0'];
    const file = at('seen.html');
    const { code } = await fer('report', join(next, 'a'), ...settings, 'mistakes=1', `out=${file}`);
    expect(code).toBe(0);
    expect(readFileSync(file, 'utf8')).toContain('learned from PublicTest, in a training before this one');
  });

  test('the card of its export tells what they had seen of the images it is judged on', async () => {
    const cardOf = async (model: string, split: string): Promise<string> => {
      const out = at(`card of ${split} ${cards++}`);
      const data = ['data=synthetic:70', `splits=${split}`, 'crops=1'];
      const { code, stderr } = await fer('export', `model=${model}`, `out=${out}`, ...data);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      return readFileSync(join(out, 'README.md'), 'utf8');
    };
    let cards = 0;
    const [runs, averages] = [at('told'), at('told averages')];
    const next = { from: SOURCE, val: 'PrivateTest', n_epochs: 1 } as const;
    await trainTiny({ ...next, runs }, { dataset });
    const run = join(runs, 'a');
    expect(await cardOf(run, 'PublicTest')).toMatch(
      /chosen by PublicTest, in a training before this one, so/,
    );
    expect(await cardOf(run, 'PrivateTest')).toMatch(/chosen by PrivateTest, so these figures/);
    await trainTiny({ ...STAGE, name: 'b', runs, n_epochs: 1 }, { dataset });
    const models = [run, join(runs, 'b')];
    const where = ['name=mean', `runs=${averages}`, 'data=synthetic:70'];
    expect((await fer('average', ...models, ...where)).code).toBe(0);
    const mean = join(averages, 'mean');
    const learned = '**The network learned from PublicTest**, in a training before this one:';
    expect(await cardOf(mean, 'PublicTest')).toContain(learned);
    expect(await cardOf(mean, 'Training')).toContain('**The network learned from Training**: these');

    const weights = join(mean, 'model.safetensors');
    expect((await fer('import', weights, 'name=c', `runs=${runs}`)).code).toBe(0);
    const imported = join(runs, 'c');
    expect(await cardOf(imported, 'PublicTest')).toMatch(
      /network learned from is not recorded: PublicTest may/,
    );
    await trainTiny({ ...next, from: imported, name: 'd', runs }, { dataset });
    expect(await cardOf(join(runs, 'd'), 'PublicTest')).toMatch(
      /had seen before is not recorded: PublicTest/,
    );
  });

  test('has them as its first checkpoint, and says in config.json what they were', async () => {
    const runs = at('first checkpoint');
    const { notes, starts } = await killAtFirstStep({ ...STAGE, runs });
    const run = join(runs, 'a');
    expect(tensorsOf(join(run, 'last.safetensors'))).toEqual(tensorsOf(BEST));
    expect(starts).toMatchObject([{ epoch: 0, step: 0, optimizerStep: 0, history: [], images: 57 }]);
    expect(notes).toEqual([`starting from the weights of ${BEST}`]);
    const sha256 = createHash('sha256').update(readFileSync(BEST)).digest('hex');
    const { from, train } = new RunFolder(runs, 'a').readRecord();
    expect({ from, train }).toMatchObject({
      from: { file: BEST, sha256 },
      train: { from: SOURCE, width: 8 },
    });
  });

  test('goes on with the bits of an unbroken one, whatever becomes of the source', async () => {
    const source = at('short-lived');
    cpSync(SOURCE, source, { recursive: true });
    const settings = { ...STAGE, from: source, ema: 0.9 };
    await trainTiny({ ...settings, runs: at('unbroken') }, { dataset });
    const runs = at('broken');
    let steps = 0;
    const stopped = trainTiny(
      { ...settings, runs, threads: 1 },
      { dataset, listener: { onStep: () => steps++ }, interrupted: () => steps === 2 },
    );
    await expect(stopped).rejects.toThrow(Interrupted);
    rmSync(source, { recursive: true });
    await trainTiny({ runs, resume: true }, { dataset });
    const [broken, unbroken] = [join(runs, 'a'), at('unbroken', 'a')];
    expect(outcomeOf(broken)).toEqual(outcomeOf(unbroken));
    const records = ['broken', 'unbroken'].map((name) => new RunFolder(at(name), 'a').readRecord().from);
    expect(records[0]).toEqual(records[1]);
    expect(records[0]?.file).toBe(join(source, 'best.safetensors'));
  });

  test('takes a file too, and validates as any run', async () => {
    const from = join(SOURCE, 'epoch_1.safetensors');
    const runs = at('file');
    await killAtFirstStep({ runs, from });
    expect(tensorsOf(join(runs, 'a', 'last.safetensors'))).toEqual(tensorsOf(from));
    expect(new RunFolder(runs, 'a').readRecord().from?.file).toBe(from);
    const { history } = await trainTiny({ runs, resume: true }, { dataset });
    for (const { valAccuracy } of history) expect(valAccuracy).not.toBeNull();
  });

  test('may be wider: the old weights come first and do not see the new ones', async () => {
    const runs = at('wider');
    await killAtFirstStep({ ...STAGE, runs, width: 16 });
    expect(new RunFolder(runs, 'a').readRecord().model.width).toBe(16);
    const [old, wide] = [BEST, at('wider', 'a', 'last.safetensors')].map(
      (file) => readSafetensors(file).tensors['conv1b.weight'],
    );
    expect([old.shape, wide.shape]).toEqual([
      [8, 8, 3, 3],
      [16, 16, 3, 3],
    ]);
    expect(wide.data.slice(0, 72)).toEqual(old.data.slice(0, 72));
    expect(wide.data.slice(72, 144)).toEqual(new Float32Array(72));
    expect(wide.data.slice(-144).every((value) => value !== 0)).toBe(true);
  });

  test('may see more of each face: the weights are the same, config.json names the crops', async () => {
    const runs = at('larger crops');
    await killAtFirstStep({ ...STAGE, runs, crop_size: 44 });
    expect(tensorsOf(join(runs, 'a', 'last.safetensors'))).toEqual(tensorsOf(BEST));
    const { model, train } = new RunFolder(runs, 'a').readRecord();
    expect([model.inputSize, train.crop_size]).toEqual([44, 44]);
    // Who starts from it goes on with its crops.
    expect(
      prepareTraining({ runs, name: 'b', data: 'synthetic', from: join(runs, 'a', 'last.safetensors') }),
    ).toMatchObject({
      crop_size: 44,
    });
  });

  test('of another network has the layers that both have, and says which are new', async () => {
    const runs = at('other network');
    const { notes } = await killAtFirstStep({ ...STAGE, runs, network: 'vgg_lite', crop_size: 48, seed: 5 });
    expect(notes).toEqual([`starting from the weights of ${BEST}; new are lin.weight, lin.bias`]);
    const last = join(runs, 'a', 'last.safetensors');
    const [old, other] = [BEST, last].map(tensorsOf);
    const { 'lin.weight': weight, 'lin.bias': bias, ...shared } = other;
    expect(Object.keys(shared)).toHaveLength(48);
    expect(old).toMatchObject(shared);
    const { model } = new RunFolder(runs, 'a').readRecord();
    expect(model).toMatchObject({ network: 'vgg_lite', width: 8, inputSize: 48 });
    const { parameters } = buildModel(model);
    const { values } = parameters.initial(5);
    const drawn = (name: string): string => {
      const { offset, shape } = parameters.value(name);
      return digest(values.slice(offset, offset + sizeOf(shape)));
    };
    expect([weight, bias]).toEqual(['lin.weight', 'lin.bias'].map(drawn));

    // And back, wider.
    const back = at('and back');
    const { notes: told } = await killAtFirstStep({ runs: back, from: last, network: 'vgg', width: 16 });
    expect(told[0]).toMatch(/; new are lin1\.weight, lin1\.bias, lin2\.weight, .* lin3\.bias$/);
    const wide = readSafetensors(join(back, 'a', 'last.safetensors')).tensors['conv1b.weight'];
    const narrow = readSafetensors(last).tensors['conv1b.weight'];
    expect(wide.data.slice(0, 72)).toEqual(narrow.data.slice(0, 72));
  });

  test('has network and width of its source', () => {
    const settings = { runs: at('none'), name: 'a', data: 'synthetic', from: SOURCE };
    expect(prepareTraining(settings)).toMatchObject({ network: 'vgg', width: 8 });
    expect(prepareTraining({ ...settings, width: 8 }).width).toBe(8);
    expect(prepareTraining({ ...settings, width: 16 }).width).toBe(16);
    expect(prepareTraining({ ...settings, network: 'vgg_lite' })).toMatchObject({
      network: 'vgg_lite',
      width: 8,
    });
    expect(() => prepareTraining({ ...settings, width: 4 })).toThrow(
      /holds weights of width=8, more than 4: leave out width= or give a larger one/,
    );
    expect(() => prepareTraining({ ...settings, from: '' }).width).not.toThrow();
  });

  test('with an average: it starts there, too', async () => {
    const runs = at('averaged');
    await killAtFirstStep({ ...STAGE, runs, ema: 0.999 });
    expect(tensorsOf(join(runs, 'a', 'last.safetensors'))).toEqual(tensorsOf(BEST));
  });
});

describe('stopped before it had saved anything', () => {
  /** What a kill right after the record leaves. */
  async function recordAlone(name: string, from: string, more: Partial<TrainConfig> = {}): Promise<string> {
    await trainTiny({ ...STAGE, ...more, from, runs: at(name) }, { dataset });
    const run = at(name, 'a');
    for (const file of readdirSync(run)) if (file !== 'config.json') rmSync(join(run, file));
    return at(name);
  }

  test.each([
    [8, 'vgg'],
    [16, 'vgg'],
    [8, 'vgg_lite'],
  ] as const)('it starts from the same weights again, width %d, %s', async (width, network) => {
    const name = `again ${network} ${width}`;
    const runs = await recordAlone(name, SOURCE, { width, network });
    await trainTiny({ runs, resume: true }, { dataset });
    await trainTiny({ ...STAGE, width, network, runs: at(`not ${name}`) }, { dataset });
    expect(outcomeOf(join(runs, 'a'))).toEqual(outcomeOf(at(`not ${name}`, 'a')));
    expect(new RunFolder(runs, 'a').readRecord().from?.file).toBe(BEST);
  });

  test('and says so if they are others now, or gone', async () => {
    const source = at('changing');
    cpSync(SOURCE, source, { recursive: true });
    const runs = await recordAlone('changed', source);
    cpSync(join(source, 'last.safetensors'), join(source, 'best.safetensors'));
    await expect(trainTiny({ runs, resume: true }, { dataset })).rejects.toThrow(
      /best\.safetensors has changed since the run started from it .*overwrite=true/,
    );
    rmSync(source, { recursive: true });
    await expect(trainTiny({ runs, resume: true }, { dataset })).rejects.toThrow(/there is no model at/);
    expect(readdirSync(join(runs, 'a'))).toEqual(['config.json']);
  });
});

describe('a source that will not do', () => {
  const refused = (settings: Partial<TrainConfig>, message: RegExp) => {
    expect(() => configOf({ runs: at('none'), ...settings })).toThrow(message);
    expect(existsSync(at('none'))).toBe(false);
  };

  test('is told before anything is read or written', () => {
    refused({ from: at('nowhere') }, /there is no model at .*nowhere: give a run folder, as in from=/);
    mkdirSync(at('empty'));
    refused({ from: at('empty') }, /config\.json is missing/);
    cpSync(join(SOURCE, 'config.json'), join(at('empty'), 'config.json'));
    refused({ from: at('empty') }, /holds no weights/);
    refused({ from: SOURCE, width: 4 }, /weights of width=8, more than 4: leave out width= or give a larger/);
    refused({ from: SOURCE, resume: true }, /starts a new run, and resume=true goes on/);
    refused({ from: SOURCE, restore_epoch: 1 }, /starts a new run, and restore_epoch=1 goes on/);
    expect(() => configOf({ runs: at('none'), from: SOURCE, resume: true })).toThrow(UsageError);
  });

  test.each([8, 16])('crops whose last layers have other places, width %d', async (width) => {
    const runs = at('other places');
    await expect(trainTiny({ ...STAGE, runs, width, crop_size: 48 }, { dataset })).rejects.toThrow(
      /is of crops of 40x40, and its linear layers do not fit those of crop_size=48: leave out crop_size=/,
    );
    await expect(trainTiny({ ...STAGE, runs, crop_size: 49 }, { dataset })).rejects.toThrow(
      /crops of crop_size=49 do not fit into faces of 48x48 pixels: give crop_size=48 or less/,
    );
  });

  test('in the folder that would be deleted', () => {
    for (const from of [SOURCE, BEST]) {
      const settings = { runs: at('source'), from, overwrite: true };
      expect(() => configOf(settings)).toThrow(/lies in the run folder that overwrite=true deletes/);
    }
    // What a run gave up lies in its folder as well.
    const branch = join(SOURCE, 'abandoned', '1');
    cpSync(BEST, join(branch, 'best.safetensors'), { recursive: true });
    cpSync(join(SOURCE, 'config.json'), join(branch, 'config.json'));
    try {
      const settings = { runs: at('source'), overwrite: true };
      expect(() => configOf({ ...settings, from: branch })).toThrow(/lies in the run folder that overwrite/);
      expect(() => configOf({ ...settings, teacher: branch })).toThrow(
        /lies in the folder of the run itself/,
      );
      expect(configOf({ runs: at('source of none'), from: branch }).from).toBe(branch);
    } finally {
      rmSync(join(SOURCE, 'abandoned'), { recursive: true });
    }
  });

  test('of other labels, or damaged: nothing is deleted for it', async () => {
    const runs = at('kept');
    await trainTiny({ runs, n_epochs: 1 }, { dataset });
    const before = snapshot(join(runs, 'a'));
    const labels = dataset.labels.map((label) => (label === 'sad' ? 'bored' : label));
    const settings = { ...STAGE, runs, overwrite: true };
    await expect(trainTiny(settings, { dataset: { ...dataset, labels } })).rejects.toThrow(
      /tells angry, .*sad.* apart, and the data has angry, .*bored.*: start from weights of the same labels/,
    );
    const swapped = [...dataset.labels].reverse();
    await expect(trainTiny(settings, { dataset: { ...dataset, labels: swapped } })).rejects.toThrow(FerError);
    const damaged = at('damaged');
    cpSync(SOURCE, damaged, { recursive: true });
    writeFileSync(join(damaged, 'best.safetensors'), 'no weights');
    await expect(trainTiny({ ...settings, from: damaged }, { dataset })).rejects.toThrow(/not a usable/);
    expect(snapshot(join(runs, 'a'))).toEqual(before);
  });
});

describe('val=none', () => {
  test('the last weights are the best, and the columns of validation are empty', async () => {
    const runs = at('no validation');
    const settings = { runs, val: 'none', train: ['Training', 'PublicTest'], n_epochs: 3 } as const;
    const { best, history, ended } = await trainTiny(settings, { dataset: faces({ PublicTest: 5 }) });
    expect(history.map(({ valLoss, valAccuracy }) => [valLoss, valAccuracy])).toEqual(
      new Array(3).fill([null, null]),
    );
    expect({ best: best.epoch, ended }).toEqual({ best: 3, ended: 'epochs' });
    const run = join(runs, 'a');
    expect(tensorsOf(join(run, 'best.safetensors'))).toEqual(tensorsOf(join(run, 'last.safetensors')));
    const [header, ...rows] = figuresOf(run);
    const columns = header.map((name, i) => [name, rows.map((row) => row[i])] as const);
    for (const [name, cells] of columns) expect(cells.includes('')).toBe(name.startsWith('val_'));
  });

  test('needs no image to validate on, and trains to the same weights as with validation', async () => {
    const [without, with_] = [at('without'), at('with')];
    await trainTiny({ runs: without, val: 'none' }, { dataset: faces({ PublicTest: 0 }) });
    await trainTiny({ runs: with_ }, { dataset });
    const last = (runs: string) => tensorsOf(join(runs, 'a', 'last.safetensors'));
    expect(last(without)).toEqual(last(with_));
  });

  test('goes on with the same bits, and not with another split', async () => {
    const runs = at('no validation, broken');
    const settings = { runs, val: 'none' } as const;
    let steps = 0;
    const stopped = trainTiny(settings, {
      dataset,
      listener: { onStep: () => steps++ },
      interrupted: () => steps === 4,
    });
    await expect(stopped).rejects.toThrow(Interrupted);
    await expect(trainTiny({ runs, resume: true, val: 'PublicTest' }, { dataset })).rejects.toThrow(
      /val was none, now PublicTest/,
    );
    await trainTiny({ runs, resume: true }, { dataset });
    await trainTiny({ ...settings, runs: at('no validation, unbroken') }, { dataset });
    expect(outcomeOf(join(runs, 'a'))).toEqual(outcomeOf(at('no validation, unbroken', 'a')));
  });

  test('what looks at validation is refused', () => {
    const refused = (settings: Partial<TrainConfig>, message: RegExp) => {
      const attempt = () => configOf({ runs: at('none'), ...settings });
      expect(attempt).toThrow(UsageError);
      expect(attempt).toThrow(message);
    };
    refused({ val: 'none', scheduler: 'plateau' }, /scheduler=plateau looks at the accuracy on val=/);
    refused({ val: 'none', patience: 3 }, /patience=3 looks at the accuracy on val=/);
    refused(
      { train: ['Training', 'PublicTest'] },
      /train=Training\+PublicTest contains val=PublicTest: .*val=none to train without validation/,
    );
  });

  test('on the command line', async () => {
    const stage = ['train=Training+PublicTest', 'val=none', 'scheduler=cosine', 'lr=1e-4', 'n_epochs=2'];
    const where = ['data=synthetic:60', `runs=${folder.path}`, 'name=stage', 'bs=16', 'threads=2'];
    const { code, stdout, stderr } = await fer('train', `from=${SOURCE}`, ...where, ...stage);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(
      /stage: 2 epochs, without validation: the last weights are in best\.safetensors\n$/,
    );
    expect(stderr).toContain(`starting from the weights of ${BEST}`);
    expect(stderr).toMatch(/^epoch 2\/2 {2}lr [\d.e-]+ {2}train \d\.\d{4} \d+\.\d\d % {2}[\d.]+ images\/s/m);
    const judged = await fer('evaluate', `model=${at('stage')}`, 'data=synthetic:60', 'split=PrivateTest');
    expect(judged.code).toBe(0);
  });
});
