import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { loadDataset } from '../src/data/load.ts';
import { programText, programVersion } from '../src/train/programVersion.ts';
import { RunFolder } from '../src/train/runFolder.ts';
import { fer } from './commands.ts';
import { temporaryFolder } from './dataFiles.ts';
import { tensorsOf, trainTiny } from './training.ts';

const folder = temporaryFolder();
const at = (...names: string[]): string => join(folder.path, ...names);
const DATA = 'synthetic:60';
const where = { runs: at('runs'), data: DATA } as const;
const recordOf = (runs: string) => new RunFolder(runs, 'a').readRecord();

/** The lines of `command.txt` of a run, and its card. */
async function exported(runs: string, name: string) {
  const out = at(name);
  expect(await fer('export', `model=${join(runs, 'a')}`, `out=${out}`)).toMatchObject({ code: 0 });
  const text = (file: string): string => readFileSync(join(out, file), 'utf8');
  return { lines: text('command.txt').trimEnd().split('\n').slice(1), card: text('README.md'), out };
}

let dataset: Awaited<ReturnType<typeof loadDataset>>;
beforeAll(async () => {
  vi.stubEnv('FER_CACHE', at('cache'));
  dataset = await loadDataset(DATA);
});
afterAll(() => {
  vi.unstubAllEnvs();
  folder.remove();
});

describe('a run that another version went on with', () => {
  /** As if another version had written the record until now. */
  const byAnother = (runs: string): void => {
    const run = new RunFolder(runs, 'a');
    run.writeRecord({ ...run.readRecord(), version: '0.0.1', git: 'abc' });
  };

  test('keeps the first, and says from where on another one trained', async () => {
    const runs = at('versions');
    await trainTiny({ ...where, runs, n_epochs: 1 }, { dataset });
    const now = programVersion();
    byAnother(runs);
    await trainTiny({ ...where, runs, resume: true }, { dataset });
    // Nothing was left to train.
    expect(recordOf(runs)).toMatchObject({ version: '0.0.1', git: 'abc', changes: undefined });
    await trainTiny({ ...where, runs, resume: true, n_epochs: 2 }, { dataset });
    await trainTiny({ ...where, runs, resume: true, n_epochs: 3 }, { dataset });
    const { version, git, changes } = recordOf(runs);
    expect({ version, git }).toEqual({ version: '0.0.1', git: 'abc' });
    expect(changes?.map(({ epoch, program }) => [epoch, program])).toEqual([
      [1, now],
      [2, undefined],
    ]);
    const { lines, card } = await exported(runs, 'by versions');
    const text = readFileSync(at('by versions', 'command.txt'), 'utf8');
    expect(text.split('\n')[0]).toBe('# fer 0.0.1, revision abc');
    expect(lines[1]).toBe(
      `# after epoch 1 a was stopped, and went on with other settings and ${programText(now)}`,
    );
    expect(card).toContain(`Made by fer 0.0.1 (revision abc), then by fer ${now.version}`);
    expect(card).toContain(
      'A comment says where a training was stopped and how it went on, and with which version.',
    );
  });

  test('before it had trained anything is of that version', async () => {
    const runs = at('never began');
    const listener = {
      onStep() {
        throw new Error('killed');
      },
    };
    await expect(trainTiny({ ...where, runs }, { dataset, listener })).rejects.toThrow('killed');
    byAnother(runs);
    await trainTiny({ ...where, runs, resume: true, n_epochs: 1 }, { dataset });
    expect(recordOf(runs)).toMatchObject({ ...programVersion(), changes: undefined });
  });

  test('went back: from the restored epoch on', async () => {
    const runs = at('versions back');
    await trainTiny({ ...where, runs, n_epochs: 2, save_freq: 1 }, { dataset });
    byAnother(runs);
    await trainTiny({ ...where, runs, restore_epoch: 1 }, { dataset });
    const { version, changes } = recordOf(runs);
    expect(version).toBe('0.0.1');
    expect(changes).toEqual([
      { epoch: 1, images: 0, restored: 1, before: {}, after: {}, program: programVersion() },
    ]);
    const { lines } = await exported(runs, 'versions went back');
    expect(lines[1]).toBe(`# a went back to epoch 1 with ${programText(programVersion())}`);
  });
});

describe('a run that went on with other settings', () => {
  test('says the settings that another optimizer would bring along', async () => {
    const runs = at('optimizer');
    await trainTiny({ ...where, runs, n_epochs: 1, save_freq: 1 }, { dataset });
    const other = { restore_epoch: 1, n_epochs: 2, optimizer: 'adam', lr: 0.01 } as const;
    await trainTiny({ ...where, runs, ...other }, { dataset });
    expect(recordOf(runs).train.lr).toBe(0.01);
    const { lines } = await exported(runs, 'with adam');
    expect(lines.at(-1)).toMatch(/restore_epoch=1 .*lr=0\.01 .*optimizer=adam/);
    // What it had no use for before is said now, and what it has none for any more is not.
    expect(lines.at(-1)).toMatch(/ beta1=0\.9 beta2=0\.999 /);
    await trainTiny({ ...where, runs, restore_epoch: 1, optimizer: 'sgd' }, { dataset });
    const back = await exported(runs, 'with sgd');
    expect(back.lines.at(-1)).toMatch(/restore_epoch=1 .*optimizer=sgd/);
    expect(back.lines.at(-1)).not.toContain('eps=');
    await follow(back.lines, at('with sgd again'));
  });

  test('keeps what held until when, and its commands make the same weights', async () => {
    const { runs } = where;
    await trainTiny({ ...where, n_epochs: 2, save_freq: 1 }, { dataset });
    expect(recordOf(runs).changes).toBeUndefined();
    await trainTiny({ ...where, resume: true, threads: 1 }, { dataset });
    expect(recordOf(runs).changes).toBeUndefined();
    await trainTiny({ ...where, resume: true, n_epochs: 3, lr: 0.005 }, { dataset });
    const changes = [
      { epoch: 2, images: 0, before: { n_epochs: 2, lr: 0.01 }, after: { n_epochs: 3, lr: 0.005 } },
    ];
    expect(recordOf(runs)).toMatchObject({ train: { lr: 0.005, n_epochs: 3 }, changes });
    await trainTiny({ ...where, resume: true, n_epochs: 4, mixup: 0.5 }, { dataset });
    const { lines, card, out } = await exported(runs, 'changed');
    expect(lines).toEqual([
      expect.stringMatching(/^fer train data=synthetic:60 name=a .*mixup=0 .*n_epochs=2 .*lr=0\.01 /),
      '# after epoch 2 a was stopped, and went on with other settings',
      'fer train data=synthetic:60 name=a resume=true n_epochs=3 lr=0.005',
      '# after epoch 3 a was stopped, and went on with other settings',
      'fer train data=synthetic:60 name=a resume=true mixup=0.5 n_epochs=4',
    ]);
    expect(card).toContain('Settings at the end that differ from the defaults');
    expect(card).toContain(
      'These commands document how the weights were made. A comment says where a training was stopped and how it ' +
        'went on. From the same data',
    );
    expect(card).toContain(lines.join('\n'));
    expect(JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')).changes).toEqual(
      recordOf(runs).changes,
    );
    const again = at('again');
    await follow(lines, again);
    expect(tensorsOf(join(again, 'a', 'last.safetensors'))).toEqual(
      tensorsOf(join(runs, 'a', 'last.safetensors')),
    );
  });

  test('keeps the settings that trained it where others had nothing left to train', async () => {
    const runs = at('nothing left');
    await trainTiny({ ...where, runs, n_epochs: 1 }, { dataset });
    const record = recordOf(runs);
    await trainTiny({ ...where, runs, resume: true, lr: 0.005 }, { dataset });
    expect(recordOf(runs)).toEqual(record);
  });

  test('went back: the epochs that were given up and their settings are no part of it', async () => {
    const runs = at('back');
    await trainTiny({ ...where, runs, n_epochs: 2, save_freq: 1 }, { dataset });
    await trainTiny({ ...where, runs, resume: true, n_epochs: 3, lr: 0.005 }, { dataset });
    await trainTiny({ ...where, runs, restore_epoch: 2, bs: 8 }, { dataset });
    const { lines } = await exported(runs, 'went back');
    expect(lines).toEqual([
      expect.stringMatching(/^fer train data=synthetic:60 name=a save_freq=1 .*n_epochs=2 bs=16 lr=0\.01 /),
      '# a went back to epoch 2 with other settings',
      'fer train data=synthetic:60 name=a restore_epoch=2 n_epochs=3 bs=8 lr=0.005',
    ]);
    const again = at('back again');
    await follow(lines, again);
    for (const file of ['last.safetensors', 'best.safetensors']) {
      expect(tensorsOf(join(again, 'a', file))).toEqual(tensorsOf(join(runs, 'a', file)));
    }
    expect(readdirSync(join(again, 'a'))).not.toContain('abandoned');
  });

  test('stopped within an epoch: after how many images', async () => {
    const runs = at('within');
    let steps = 0;
    const stopped = trainTiny(
      { ...where, runs },
      { dataset, listener: { onStep: () => steps++ }, interrupted: () => steps === 2 },
    );
    await expect(stopped).rejects.toThrow('stopped and saved');
    await trainTiny({ ...where, runs, resume: true, lr: 0.005 }, { dataset });
    const { lines } = await exported(runs, 'within an epoch');
    expect(lines[1]).toBe(
      '# after epoch 0 and 32 images of the next one a was stopped, and went on with other settings',
    );
  });
});

/** Gives the commands one after another. */
async function follow(lines: readonly string[], runs: string): Promise<void> {
  for (const line of lines.filter((each) => !each.startsWith('#'))) {
    const words = line.split(' ').slice(1);
    expect(await fer(...words, `runs=${runs}`, 'threads=1', 'curves=false')).toMatchObject({ code: 0 });
  }
}
