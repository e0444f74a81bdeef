import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { keyOf, uniform } from '../src/engine/random.ts';
import { FerError, Interrupted } from '../src/errors.ts';
import { readSafetensors, writeSafetensors } from '../src/io/safetensors.ts';
import { RunFolder } from '../src/train/runFolder.ts';
import { temporaryFolder } from './dataFiles.ts';
import { CLI, cli, start, TRAIN_PROCESS } from './process.ts';
import { ran } from './ran.ts';
import { faces, outcomeOf, TINY, tensorsOf, trainTiny } from './training.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const at = (...names: string[]): string => join(folder.path, ...names);

const progressOf = (run: string) => {
  const { state } = readSafetensors(join(run, 'last.safetensors')).metadata;
  return JSON.parse(readSafetensors(join(run, state)).metadata.progress);
};
const temporaries = (run: string): string[] => readdirSync(run).filter((name) => name.startsWith('.'));

/** A process id that was taken and is free again. */
async function deadPid(): Promise<number> {
  const { child, ended } = start(process.execPath, ['-e', '']);
  await ended;
  return child.pid as number;
}

describe('kill -9', () => {
  // With all that a run can remember: the optimizer's two memories, an average, draws of every step.
  const remembers = { optimizer: 'adam', lr: 1e-3, ema: 0.9, mixup: 0.4, cutmix: 1 };
  const place = { name: 'a', data: 'synthetic:80', device: 'cpu' };
  const settings = { ...TINY, ...remembers, ...place, n_epochs: 4, save_freq: 2 };
  const run = (runs: string, more: object, saveSeconds: number) =>
    start(process.execPath, [
      TRAIN_PROCESS,
      JSON.stringify({ ...settings, runs, ...more }),
      JSON.stringify(saveSeconds),
    ]);

  let unbroken: ReturnType<typeof outcomeOf>;
  beforeAll(async () => {
    const { code, stderr } = await run(at('unbroken'), {}, 1e9).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    unbroken = outcomeOf(at('unbroken', 'a'));
    expect(Object.keys(unbroken)).toEqual(
      expect.arrayContaining(['best.safetensors', 'epoch_2.safetensors', 'epoch_4.safetensors']),
    );
  });

  // A checkpoint after every step: most moments lie within the writing of one.
  test.each([
    ['while checkpoints are written', 0, 8],
    ['between rare checkpoints', 0.03, 4],
  ])('%s: the same bits in the end', async (what, saveSeconds, most) => {
    const runs = at(`killed ${saveSeconds}`);
    let kills = 0;
    for (let attempt = 0; ; attempt++) {
      expect(attempt, 'starts without an end').toBeLessThan(60);
      const running = run(
        runs,
        { resume: attempt > 0 && existsSync(join(runs, 'a', 'config.json')) },
        saveSeconds,
      );
      await running.said('step');
      // Rarely the very first moments, mostly a few steps on: else nothing would ever be reached.
      await new Promise((resolve) => setTimeout(resolve, 120 * uniform(keyOf(7, attempt), 0)));
      if (kills < most) running.child.kill('SIGKILL');
      const { code, signal, stderr } = await running.ended;
      if (signal === 'SIGKILL') kills++;
      else {
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        break;
      }
    }
    ran(`kill -9 ${what}: ${kills} kills`);
    expect(kills).toBeGreaterThanOrEqual(most / 2);
    expect(outcomeOf(join(runs, 'a'))).toEqual(unbroken);
  });
});

describe('a kill between two renames', () => {
  const dataset = faces();
  const settings = { n_epochs: 3, save_freq: 1 };
  let before: string;
  let after: string;
  let whole: string;

  // The folder as it is after step 4 (within epoch 2) and after the whole of epoch 2.
  beforeAll(async () => {
    let steps = 0;
    const stopAt = (last: number) => () => ++steps > last;
    const run = at('two', 'a');
    await expect(
      trainTiny({ ...settings, runs: at('two') }, { dataset, interrupted: stopAt(4) }),
    ).rejects.toThrow(Interrupted);
    before = at('before');
    cpSync(run, before, { recursive: true });
    let epochs = 0;
    await expect(
      trainTiny(
        { runs: at('two'), resume: true },
        { dataset, listener: { onEpoch: () => epochs++ }, interrupted: () => epochs > 0 },
      ),
    ).rejects.toThrow(Interrupted);
    after = at('after');
    cpSync(run, after, { recursive: true });
    await trainTiny({ ...settings, runs: at('whole') }, { dataset });
    whole = at('whole', 'a');
    expect(progressOf(before)).toMatchObject({ epoch: 1, step: 4, start: 16 });
    expect(progressOf(after)).toMatchObject({ epoch: 2, step: 6, start: 0 });
  });

  const isState = (name: string): boolean => name.startsWith('last.state');
  const afterKill: Record<string, (name: string) => boolean> = {
    'the weights of the epoch are there, nothing else': (name) => /^epoch_2/.test(name),
    'the state is there, last is not': (name) => /^epoch_2/.test(name) || isState(name),
    'last is there, the history and the best are old': (name) => !/^(history|best)/.test(name),
    'all is there but the best': (name) => !/^best/.test(name),
  };

  test.each(Object.keys(afterKill))('%s', async (what) => {
    const runs = at(what);
    const run = join(runs, 'a');
    cpSync(before, run, { recursive: true });
    for (const name of readdirSync(after).filter(afterKill[what])) cpSync(join(after, name), join(run, name));
    const pid = await deadPid();
    writeFileSync(join(run, `.last.safetensors.${pid}.0123abcd.tmp`), 'half of it');
    writeFileSync(join(run, `.lock`), JSON.stringify({ pid, host: 'elsewhere', started: null }));
    const states = readdirSync(run).filter(isState);
    expect(states).toHaveLength(what.startsWith('the weights') ? 1 : 2);
    await trainTiny({ runs, resume: true }, { dataset });
    expect(temporaries(run)).toEqual([]);
    expect(outcomeOf(run)).toEqual(outcomeOf(whole));
  });

  test('before the first checkpoint: from the beginning', async () => {
    const runs = at('first');
    const run = join(runs, 'a');
    mkdirSync(run, { recursive: true });
    for (const name of ['config.json', 'best.safetensors', 'epoch_1.safetensors']) {
      cpSync(join(after, name), join(run, name));
    }
    cpSync(join(before, 'last.state-1-16.safetensors'), join(run, 'last.state-1-0.safetensors'));
    const notes: string[] = [];
    await trainTiny({ runs, resume: true }, { dataset, listener: { onNote: (line) => notes.push(line) } });
    expect(notes.join()).toContain('starting from the beginning');
    expect(outcomeOf(run)).toEqual(outcomeOf(whole));
  });

  test('a lost last.safetensors is not taken for a run that never began', async () => {
    const runs = at('lost');
    cpSync(after, join(runs, 'a'), { recursive: true });
    rmSync(join(runs, 'a', 'last.safetensors'));
    await expect(trainTiny({ runs, resume: true }, { dataset })).rejects.toThrow(
      /lost its last\.safetensors.*restore_epoch=/,
    );
    expect(existsSync(join(runs, 'a', 'epoch_2.safetensors'))).toBe(true);
  });
});

describe('a disk that gets full in the best epoch so far', () => {
  const dataset = faces();
  const full = (): never => {
    throw new FerError('the disk is full');
  };
  // Without validation each epoch is the best.
  const settings = { val: 'none', save_freq: 0 } as const;
  const ofBest = (runs: string) => {
    const run = join(runs, 'a');
    const { epoch } = readSafetensors(join(run, 'best.safetensors')).metadata;
    return { epoch, ...tensorsOf(join(run, 'best.safetensors')) };
  };
  const ofLast = (runs: string) => {
    const run = join(runs, 'a');
    return { epoch: String(progressOf(run).epoch), ...tensorsOf(join(run, 'last.safetensors')) };
  };
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test('before its checkpoint is whole: best is that of the history, whatever follows', async () => {
    const runs = at('full before');
    const write = RunFolder.prototype.writeState;
    vi.spyOn(RunFolder.prototype, 'writeState').mockImplementation(function (this: RunFolder, ...state) {
      if (state[3].epoch === 2) full();
      write.apply(this, state);
    });
    await expect(trainTiny({ ...settings, runs }, { dataset })).rejects.toThrow('the disk is full');
    expect(ofBest(runs)).toEqual(ofLast(runs));
    expect(ofBest(runs).epoch).toBe('1');
  });

  test('after it: resume=true writes best, also with other settings and no epoch left', async () => {
    const runs = at('full after');
    const write = RunFolder.prototype.writeWeights;
    vi.spyOn(RunFolder.prototype, 'writeWeights').mockImplementation(function (this: RunFolder, ...weights) {
      if (weights[2].epoch === '2') full();
      write.apply(this, weights);
    });
    await expect(trainTiny({ ...settings, runs }, { dataset })).rejects.toThrow('the disk is full');
    expect(ofBest(runs).epoch).toBe('1');
    vi.restoreAllMocks();
    const { best } = await trainTiny({ runs, resume: true, lr: 0.5 }, { dataset });
    expect(best.epoch).toBe(2);
    expect(ofBest(runs)).toEqual(ofLast(runs));
    const whole = at('never full');
    await trainTiny({ ...settings, runs: whole }, { dataset });
    expect(outcomeOf(join(runs, 'a'))).toEqual(outcomeOf(join(whole, 'a')));
  });
});

describe('an interruption in this process', () => {
  const dataset = faces();

  test.each([
    ['after the first step', 1, { epoch: 0, start: 16, step: 1 }],
    ['after the last step of an epoch', 3, { epoch: 0, start: 37, step: 3 }],
    ['in the second epoch', 5, { epoch: 1, start: 32, step: 5 }],
  ])('%s: saved and continued exactly', async (what, stopAfter, expected) => {
    const settings = { runs: at(what), crops: 10 as const };
    let steps = 0;
    const listener = { onStep: () => steps++ };
    const interrupted = () => steps === stopAfter;
    const stopped = trainTiny(settings, { dataset, listener, interrupted });
    await expect(stopped).rejects.toThrow(
      /to go on: fer train name=a runs='?\/.* data=synthetic resume=true/,
    );
    expect(progressOf(join(settings.runs, 'a'))).toMatchObject(expected);
    await trainTiny({ ...settings, resume: true }, { dataset });
    const unbroken = at('unbroken in ten crops');
    if (!existsSync(unbroken)) await trainTiny({ ...settings, runs: unbroken }, { dataset });
    expect(outcomeOf(join(settings.runs, 'a'))).toEqual(outcomeOf(join(unbroken, 'a')));
  });

  test('an epoch that goes on with another rate keeps that of its first step', async () => {
    const runs = at('other rate');
    let steps = 0;
    const stopped = trainTiny(
      { runs },
      { dataset, listener: { onStep: () => steps++ }, interrupted: () => steps === 2 },
    );
    await expect(stopped).rejects.toThrow(Interrupted);
    cpSync(join(runs, 'a'), at('of before', 'a'), { recursive: true });
    const { history } = await trainTiny({ runs, resume: true, lr: 0.005 }, { dataset });
    expect(history.map(({ lr }) => lr)).toEqual([TINY.lr, 0.005]);
    // Earlier versions saved no rate.
    const { state } = readSafetensors(at('of before', 'a', 'last.safetensors')).metadata;
    const old = at('of before', 'a', state);
    const { tensors, metadata } = readSafetensors(old);
    const { lr, ...progress } = JSON.parse(metadata.progress);
    expect(lr).toBe(TINY.lr);
    writeSafetensors(old, tensors, { progress: JSON.stringify(progress) });
    const later = await trainTiny({ runs: at('of before'), resume: true, lr: 0.005 }, { dataset });
    expect(later.history.map((row) => row.lr)).toEqual([0.005, 0.005]);
  });

  test('how to go on can be pasted into a shell', async () => {
    const runs = at("it's here");
    const stopped = trainTiny({ runs, data: 'a b.csv' }, { dataset, interrupted: () => true });
    await expect(stopped).rejects.toThrow(
      `fer train name=a runs='${folder.path}/it'\\''s here' data='a b.csv' resume=true`,
    );
  });

  test('in the middle of validation', async () => {
    const many = faces({ Training: 16, PublicTest: 400 });
    const runs = at('validation');
    let validated = 0;
    const stopped = trainTiny(
      { runs },
      {
        dataset: many,
        listener: { onValidate: (done) => (validated = done) },
        interrupted: () => validated > 0,
      },
    );
    await expect(stopped).rejects.toThrow(Interrupted);
    expect(validated).toBeGreaterThan(0);
    expect(validated).toBeLessThan(400);
    expect(progressOf(join(runs, 'a'))).toMatchObject({ epoch: 0, start: 16, step: 1, history: [] });
    await trainTiny({ runs, resume: true }, { dataset: many });
    await trainTiny({ runs: at('validation unbroken') }, { dataset: many });
    expect(outcomeOf(join(runs, 'a'))).toEqual(outcomeOf(at('validation unbroken', 'a')));
  });
});

describe('signals', () => {
  const settings = [
    'data=synthetic:300',
    'width=8',
    'bs=2',
    'n_epochs=3',
    'eval_crops=1',
    'threads=2',
    'device=cpu',
    'curves=false',
  ];
  const args = (name: string) => ['train', ...settings, `name=${name}`, `runs=${at('runs')}`];

  beforeAll(async () => {
    expect((await cli(...args('unbroken'))).code).toBe(0);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s saves after the step under way, says how to go on, exits 130',
    async (signal) => {
      const running = start(process.execPath, [CLI, ...args(signal), 'json=true']);
      await running.said('epoch 1/3');
      await new Promise((resolve) => setTimeout(resolve, 20));
      // Nobody watches: a terminal that closes is no reason to end.
      running.child.kill('SIGHUP');
      running.child.kill(signal);
      const { code, stdout, stderr } = await running.ended;
      expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
      expect(stderr).toContain('stopping after this step');
      const command = /to go on: fer (.*)\n/.exec(stderr)?.[1];
      expect(command).toBe(`train name=${signal} runs=${at('runs')} data=synthetic:300 resume=true`);
      const run = at('runs', signal);
      const { epoch, start: images, step } = progressOf(run);
      // However fast the machine is.
      expect(epoch).toBeGreaterThan(0);
      expect(step).toBe(120 * epoch + images / 2);
      const within = images > 0 ? `, after ${images} of 240 images` : '';
      const resumed = await cli(...(command ?? '').split(' '));
      expect(resumed.stderr).toContain(`resumed ${run} in epoch ${epoch + 1}${within}`);
      expect(resumed.code).toBe(0);
      expect(outcomeOf(run)).toEqual(outcomeOf(at('runs', 'unbroken')));
    },
  );

  test('the second one ends it at once', async () => {
    const running = start(process.execPath, [CLI, ...args('twice')]);
    await running.said('epoch 1/3');
    const before = progressOf(at('runs', 'twice'));
    running.child.kill('SIGSTOP');
    running.child.kill('SIGINT');
    running.child.kill('SIGTERM');
    running.child.kill('SIGCONT');
    expect((await running.ended).code).toBe(130);
    expect(progressOf(at('runs', 'twice'))).toEqual(before);
  });

  test('a second process on the same run is refused, and the first goes on', async () => {
    const running = start(process.execPath, [CLI, ...args('shared')]);
    await running.said('epoch 1/3');
    // Stopped, it can't end before it has been met by all three.
    running.child.kill('SIGSTOP');
    try {
      for (const more of ['resume=true', 'overwrite=true', 'restore_epoch=1']) {
        const { code, stderr } = await cli(...args('shared'), more);
        expect({ code, stderr }).toMatchObject({
          code: 1,
          stderr: expect.stringContaining(`process ${running.child.pid} is training ${at('runs', 'shared')}`),
        });
      }
    } finally {
      running.child.kill('SIGCONT');
    }
    expect((await running.ended).code).toBe(0);
    expect(outcomeOf(at('runs', 'shared'))).toEqual(outcomeOf(at('runs', 'unbroken')));
  });
});
