import { cpSync, existsSync, readdirSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { TrainConfig } from '../src/config.ts';
import { readSafetensors, writeSafetensors } from '../src/io/safetensors.ts';
import { readModel } from '../src/nn/model.ts';
import { RunFolder } from '../src/train/runFolder.ts';
import { temporaryFolder } from './dataFiles.ts';
import { configOf, faces, outcomeOf, snapshot, tensorsOf, trainTiny } from './training.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
afterEach(() => {
  vi.restoreAllMocks();
});
const at = (...names: string[]): string => join(folder.path, ...names);

const dataset = faces();
/** A finished run of three epochs, each kept; its best is the last. */
const DONE = at('done', 'a');
const BEST = 'best.safetensors';
beforeAll(async () => {
  await trainTiny({ runs: at('done'), n_epochs: 3, save_freq: 1, lr: 0.02 }, { dataset });
  cpSync(join(DONE, 'epoch_3.safetensors'), join(DONE, BEST));
});

let copies = 0;
/** A copy of the finished run to do something to. */
function copy(): { runs: string; run: string } {
  const runs = at(`copy ${++copies}`);
  cpSync(DONE, join(runs, 'a'), { recursive: true });
  return { runs, run: join(runs, 'a') };
}
const abandoned = (run: string, branch = '1'): string[] => readdirSync(join(run, 'abandoned', branch)).sort();
const LAST = 'last.safetensors';
const ABOUT = ['config.json', 'history.csv'];
/** The optimizer's part of the finished run's last checkpoint. */
const STATE = 'last.state-3-0.safetensors';
const epochsIn = (run: string): string[] => readdirSync(run).filter((name) => name.startsWith('epoch_'));
const epochOf = (file: string): string => readSafetensors(file).metadata.epoch;

/** A restore that ends with the first step that follows it, and where it began. */
async function restored(settings: Parameters<typeof trainTiny>[0]) {
  let start: unknown;
  const listener = {
    onEpochStart: (progress: unknown) => (start ??= progress),
    onStep() {
      throw new Error('killed');
    },
  };
  await expect(trainTiny(settings, { dataset, listener })).rejects.toThrow('killed');
  return start;
}

describe('restore_epoch', () => {
  test('starts from kept weights with a fresh optimizer, and keeps the history until there', async () => {
    const { runs, run } = copy();
    const before = await trainTiny({ runs, resume: true }, { dataset });
    const history = before.history.slice(0, 1);
    const start = await restored({ runs, restore_epoch: 1 });
    expect(start).toMatchObject({ epoch: 1, start: 0, step: 3, optimizerStep: 0, history, best: history[0] });
    expect(tensorsOf(join(run, 'last.safetensors'))).toEqual(tensorsOf(join(DONE, 'epoch_1.safetensors')));
    const { history: rows } = await trainTiny({ runs, resume: true, lr: 1e-9 }, { dataset });
    expect(rows.map(({ epoch, lr }) => [epoch, lr])).toEqual([
      [1, 0.02],
      [2, 1e-9],
      [3, 1e-9],
    ]);
    expect(readdirSync(run).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  test('sets later weights aside, the best of them too, and begins with the restored ones as the best', async () => {
    const { runs, run } = copy();
    await restored({ runs, restore_epoch: 1 });
    expect(epochsIn(run)).toEqual(['epoch_1.safetensors']);
    const names = [BEST, 'epoch_2.safetensors', 'epoch_3.safetensors', LAST];
    expect(abandoned(run)).toEqual(
      [BEST, 'config.json', ...names.slice(1, 3), 'history.csv', LAST, STATE].sort(),
    );
    for (const name of names) {
      expect(tensorsOf(join(run, 'abandoned', '1', name))).toEqual(tensorsOf(join(DONE, name)));
    }
    // A folder like that of a run.
    const given = new RunFolder(join(run, 'abandoned'), '1');
    expect(given.readHistory()).toEqual(new RunFolder(at('done'), 'a').readHistory());
    expect(given.readRecord()).toEqual(new RunFolder(at('done'), 'a').readRecord());
    expect(readModel(join(run, 'abandoned', '1')).metadata.epoch).toBe('3');
    expect(tensorsOf(join(run, BEST))).toEqual(tensorsOf(join(DONE, 'epoch_1.safetensors')));
    expect(epochOf(join(run, BEST))).toBe('1');
    // A second branch that is given up takes the place of none of the first.
    await trainTiny({ runs, resume: true }, { dataset });
    await restored({ runs, restore_epoch: 1 });
    expect(epochsIn(run)).toEqual(['epoch_1.safetensors']);
    for (const branch of ['1', '2']) {
      expect(abandoned(run, branch)).toEqual(
        expect.arrayContaining(['epoch_2.safetensors', 'epoch_3.safetensors', LAST]),
      );
    }
    expect(tensorsOf(join(run, 'abandoned', '1', 'epoch_2.safetensors'))).toEqual(
      tensorsOf(join(DONE, 'epoch_2.safetensors')),
    );
  });

  test('leaves a best epoch that is no later where it is', async () => {
    const { runs, run } = copy();
    cpSync(join(DONE, 'epoch_1.safetensors'), join(run, BEST));
    const start = await restored({ runs, restore_epoch: 2 });
    expect(start).toMatchObject({ epoch: 2, best: { epoch: 1 } });
    expect(abandoned(run)).toEqual(['config.json', 'epoch_3.safetensors', 'history.csv', LAST, STATE].sort());
    expect(epochOf(join(run, BEST))).toBe('1');
  });

  test('moves no file that a checkpoint names and that is no state', async () => {
    const { runs, run } = copy();
    const { tensors, metadata } = readSafetensors(join(run, LAST));
    writeSafetensors(join(run, LAST), tensors, { ...metadata, state: '../precious.safetensors' });
    cpSync(join(run, BEST), join(runs, 'precious.safetensors'));
    await restored({ runs, restore_epoch: 1 });
    expect(abandoned(run)).toContain(LAST);
    expect(existsSync(join(runs, 'precious.safetensors'))).toBe(true);
  });

  test('moves nothing where nothing is later', async () => {
    const { runs, run } = copy();
    await restored({ runs, restore_epoch: 3, n_epochs: 4 });
    expect(existsSync(join(run, 'abandoned'))).toBe(false);
    expect(epochsIn(run)).toHaveLength(3);
  });

  test('takes the restored weights as the best where those are lost or damaged', async () => {
    for (const damage of [rmSync, (file: string) => truncateSync(file, 99)]) {
      const { runs, run } = copy();
      damage(join(run, BEST));
      expect(await restored({ runs, restore_epoch: 3, n_epochs: 4 })).toMatchObject({ best: { epoch: 3 } });
      expect(tensorsOf(join(run, BEST))).toEqual(tensorsOf(join(DONE, 'epoch_3.safetensors')));
    }
  });

  test('start_epoch numbers the epochs', async () => {
    const { runs, run } = copy();
    await restored({ runs, restore_epoch: 2, start_epoch: 7, n_epochs: 8 });
    expect(epochOf(join(run, BEST))).toBe('2');
    const result = await trainTiny({ runs, resume: true }, { dataset });
    expect(result.history.map(({ epoch }) => epoch)).toEqual([1, 2, 8]);
    expect(configOf({ runs, restore_epoch: 2, start_epoch: 2 }).start_epoch).toBe(2);
  });

  test('lets patience count from the restored weights where the best were set aside', async () => {
    const { runs, run } = copy();
    const state = join(run, 'last.state-3-0.safetensors');
    const { tensors, metadata } = readSafetensors(state);
    const progress = JSON.parse(metadata.progress);
    // The first epoch was better than the second, and its weights are no longer the best ones.
    const history = progress.history.map((row: object, i: number) => ({
      ...row,
      valAccuracy: 0.9 - 0.3 * i,
    }));
    writeSafetensors(state, tensors, { progress: JSON.stringify({ ...progress, history }) });
    const result = await trainTiny({ runs, restore_epoch: 2, patience: 1 }, { dataset });
    expect(result.history.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
  });

  test('is the way out of a damaged checkpoint', async () => {
    const { runs, run } = copy();
    truncateSync(join(run, 'last.safetensors'), 1000);
    const { history } = await trainTiny({ runs, restore_epoch: 2 }, { dataset });
    const other = copy();
    await trainTiny({ runs: other.runs, restore_epoch: 2 }, { dataset });
    expect(history).toHaveLength(3);
    expect(outcomeOf(run)).toEqual(outcomeOf(other.run));
  });

  test('of an epoch that was not kept', async () => {
    const { runs, run } = copy();
    rmSync(join(run, 'epoch_2.safetensors'));
    const before = snapshot(run);
    const attempt = trainTiny({ runs, restore_epoch: 2 }, { dataset });
    await expect(attempt).rejects.toThrow(/epoch_2\.safetensors does not exist: kept are 1, 3 \(save_freq/);
    expect(snapshot(run)).toEqual(before);
  });

  test('is refused where no epoch would follow', () => {
    const { runs, run } = copy();
    const before = snapshot(run);
    const refusal = /leaves nothing to train, as n_epochs=3: give a larger n_epochs=/;
    expect(() => configOf({ runs, restore_epoch: 3 })).toThrow(refusal);
    expect(() => configOf({ runs, restore_epoch: 1, start_epoch: 3 })).toThrow(/^start_epoch=3 leaves/);
    expect(configOf({ runs, restore_epoch: 3, n_epochs: 4 }).n_epochs).toBe(4);
    expect(snapshot(run)).toEqual(before);
  });

  test('takes another optimizer with settings of its own, but no other network', async () => {
    const { runs } = copy();
    expect(configOf({ runs, restore_epoch: 1 })).toMatchObject({ optimizer: 'sgd_nesterov', lr: 0.02 });
    expect(configOf({ runs, restore_epoch: 1, optimizer: 'adam', bs: 8 })).toMatchObject({ lr: 1e-3, bs: 8 });
    const { history } = await trainTiny(
      { runs, restore_epoch: 1, optimizer: 'adam', lr: 0.002 },
      { dataset },
    );
    expect(history.map(({ lr }) => lr)).toEqual([0.02, 0.002, 0.002]);
    await expect(trainTiny({ runs, restore_epoch: 1, width: 16 }, { dataset })).rejects.toThrow(
      'another network',
    );
  });

  test.each<[string, Partial<TrainConfig>, RegExp]>([
    ['val', { val: 'PrivateTest' }, /val was PublicTest, now PrivateTest/],
    ['eval_crops', { eval_crops: 10 }, /eval_crops was 1, now 10/],
  ])('takes no other %s, as accuracies of before and after would not compare', async (_, other, message) => {
    const { runs, run } = copy();
    const before = snapshot(run);
    await expect(trainTiny({ runs, restore_epoch: 1, ...other }, { dataset })).rejects.toThrow(message);
    expect(snapshot(run)).toEqual(before);
  });
});

describe('a restore that is cut short', () => {
  const settings = { restore_epoch: 1, lr: 0.005 };
  let whole: ReturnType<typeof outcomeOf>;
  beforeAll(async () => {
    const { runs, run } = copy();
    await trainTiny({ ...settings, runs }, { dataset });
    whole = outcomeOf(run);
  });

  /** What the process is killed in. */
  const moments: Record<string, () => void> = {
    'before it has moved anything': () => killIn('setAside'),
    'half-way in the moving': () =>
      vi.spyOn(RunFolder.prototype, 'setAside').mockImplementationOnce(function (this: RunFolder, branch) {
        const name = 'epoch_2.safetensors';
        renameSync(join(this.path, name), join(this.path, 'abandoned', String(branch), name));
        throw new Error('killed');
      }),
    'before the checkpoint': () => killIn('writeState'),
    'before the best is there': () => killIn('writeWeights'),
    'when all is there': () => {
      const write = RunFolder.prototype.writeRecord;
      vi.spyOn(RunFolder.prototype, 'writeRecord').mockImplementation(function (this: RunFolder, record) {
        if (!record.restoring) throw new Error('killed');
        write.call(this, record);
      });
    },
  };
  function killIn(method: 'setAside' | 'writeWeights' | 'writeState'): void {
    vi.spyOn(RunFolder.prototype, method).mockImplementationOnce(() => {
      throw new Error('killed');
    });
  }

  test.each(Object.keys(moments))('%s: resume=true finishes it with its settings', async (moment) => {
    const { runs, run } = copy();
    moments[moment]();
    await expect(trainTiny({ ...settings, runs }, { dataset })).rejects.toThrow('killed');
    vi.restoreAllMocks();
    const places = [run, join(run, 'abandoned', '1')].filter((place) => existsSync(place));
    const names = places.flatMap((place) => readdirSync(place));
    for (const epoch of [1, 2, 3]) expect(names).toContain(`epoch_${epoch}.safetensors`);
    await trainTiny({ runs, resume: true }, { dataset });
    expect(outcomeOf(run)).toEqual(whole);
    expect(readdirSync(join(run, 'abandoned'))).toEqual(['1']);
    const given = [BEST, 'epoch_2.safetensors', 'epoch_3.safetensors', LAST, STATE];
    expect(abandoned(run)).toEqual([...ABOUT, ...given].sort());
    const record = new RunFolder(runs, 'a').readRecord();
    expect(record.restoring).toBeUndefined();
    expect(record.changes).toMatchObject([{ epoch: 1, restored: 1, after: { lr: 0.005 } }]);
    // The record of the branch is of before it.
    expect(new RunFolder(join(run, 'abandoned'), '1').readRecord().train.lr).toBe(0.02);
  });

  test.each(Object.keys(moments))('%s: a branch that was given up earlier stays as it is', async (moment) => {
    const { runs, run } = copy();
    await trainTiny({ ...settings, runs }, { dataset });
    const first = snapshot(join(run, 'abandoned', '1'));
    await trainTiny({ runs, resume: true, n_epochs: 4 }, { dataset });
    moments[moment]();
    await expect(trainTiny({ ...settings, lr: 0.006, runs, n_epochs: 4 }, { dataset })).rejects.toThrow(
      'killed',
    );
    vi.restoreAllMocks();
    await trainTiny({ runs, resume: true }, { dataset });
    expect(snapshot(join(run, 'abandoned', '1'))).toEqual(first);
    expect(readdirSync(join(run, 'abandoned')).sort()).toEqual(['1', '2']);
    expect(abandoned(run, '2')).toEqual(
      expect.arrayContaining([LAST, 'epoch_2.safetensors', 'epoch_4.safetensors']),
    );
    expect(epochOf(join(run, 'abandoned', '2', LAST))).toBe('4');
  });

  test('with start_epoch, when all is there: what it saved itself is not set aside', async () => {
    const { runs, run } = copy();
    moments['when all is there']();
    const back = { runs, restore_epoch: 1, start_epoch: 7, n_epochs: 8 };
    await expect(trainTiny(back, { dataset })).rejects.toThrow('killed');
    vi.restoreAllMocks();
    await trainTiny({ runs, resume: true }, { dataset });
    expect(readdirSync(join(run, 'abandoned'))).toEqual(['1']);
    for (const name of [LAST, STATE]) {
      expect(tensorsOf(join(run, 'abandoned', '1', name))).toEqual(tensorsOf(join(DONE, name)));
    }
  });

  test('a part of the next epoch is set aside as well, and can go on from there', async () => {
    const { runs, run } = copy();
    let steps = 0;
    const interrupted = (): boolean => ++steps > 2;
    const more = trainTiny({ runs, resume: true, n_epochs: 4 }, { dataset, interrupted });
    await expect(more).rejects.toThrow(/stopped and saved/);
    const part = readdirSync(run).filter((name) => /^last\.state-3-[1-9]/.test(name));
    expect(part).toHaveLength(1);
    await restored({ runs, restore_epoch: 3, n_epochs: 4 });
    expect(abandoned(run)).toEqual([...ABOUT, LAST, ...part].sort());
    const { history } = await trainTiny(
      { runs: join(run, 'abandoned'), name: '1', resume: true, n_epochs: 4 },
      { dataset },
    );
    expect(history.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
  });

  test('right after it, resume=true goes on from there', async () => {
    const { runs, run } = copy();
    await restored({ ...settings, runs });
    await trainTiny({ runs, resume: true }, { dataset });
    expect(outcomeOf(run)).toEqual(whole);
  });
});
