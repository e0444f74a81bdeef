import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from './dataFiles.ts';
import { cli, type Ended } from './process.ts';
import { fer, outcomesOf, QUICK, recordOf, until } from './study.ts';
import { outcomeOf, tensorsOf } from './training.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const at = (...names: string[]): string => join(folder.path, ...names);
const tune = (name: string, ...args: string[]) =>
  cli('tune', `name=${name}`, `studies=${folder.path}`, ...QUICK, ...args);
const ended = ({ stderr }: Ended): string[] => stderr.match(/^\d+\/\d+ .*$/gm) ?? [];
const GRID = ['lr=0.01,0.1', 'optimizer=sgd,adam'];

beforeAll(async () => {
  const { code, stdout, stderr } = await tune('whole', ...GRID, 'jobs=2', 'threads=2');
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^ +lr +optimizer +validation +test +epochs\n1 +0\.0?1 +(sgd|adam) +\d+\.\d\d %/);
  const { trials } = recordOf(at('whole'));
  const accuracy = ({ best }: (typeof trials)[number]): number => best?.valAccuracy ?? 0;
  const most = Math.max(...trials.map(accuracy));
  const best = trials.filter((trial) => accuracy(trial) === most);
  const told = best.map(
    ({ trial, host }) => `${at('whole', 'trials', trial, 'best.safetensors')} on ${host}`,
  );
  expect(told).toContain(/^best weights: (.*)$/m.exec(stdout)?.[1]);
});

describe('a grid', () => {
  test('one line a trial, one row a configuration, one run folder a trial', async () => {
    const { configurations, trials, varied, search } = recordOf(at('whole'));
    expect(varied).toEqual({ lr: '0.01,0.1', optimizer: 'sgd,adam' });
    expect(search).toMatchObject({ search: 'grid', seeds: 1 });
    expect(configurations.map(({ settings }) => `${settings.lr} ${settings.optimizer}`).sort()).toEqual([
      '0.01 adam',
      '0.01 sgd',
      '0.1 adam',
      '0.1 sgd',
    ]);
    const means = configurations.map(({ val }) => val?.mean ?? 0);
    expect(means).toEqual([...means].sort((a, b) => b - a));
    expect(trials.map(({ status, accuracies }) => [status, accuracies.length])).toEqual(
      Array(4).fill(['finished', 3]),
    );
    expect(readdirSync(at('whole', 'trials')).sort()).toEqual(trials.map(({ trial }) => trial).sort());
    for (const { trial, best, accuracies } of trials) {
      expect(readdirSync(at('whole', 'trials', trial))).toEqual(
        expect.arrayContaining(['best.safetensors', 'config.json', 'history.csv', 'last.safetensors']),
      );
      expect(best?.valAccuracy).toBe(Math.max(...accuracies));
    }
    expect(readFileSync(at('whole', 'accuracy.png')).subarray(1, 4).toString()).toBe('PNG');
    expect(readFileSync(at('whole', 'accuracy.svg'), 'utf8')).toContain('<title');
    const csv = readFileSync(at('whole', 'study.csv'), 'utf8').trimEnd().split('\n');
    expect(csv[0]).toBe(
      'rank,lr,optimizer,state,seeds,epochs,val_mean,val_std,val_n,test_mean,test_std,test_n,seconds',
    );
    expect(csv).toHaveLength(5);
    expect(csv[1]).toContain(`,finished,1,3,${configurations[0].val?.mean},,`);
  });

  test('a trial is what fer train makes of the same settings', async () => {
    const trial = recordOf(at('whole')).trials.find(
      ({ settings }) => settings?.lr === '0.1' && settings.optimizer === 'adam',
    );
    const train = [
      'train',
      'name=alone',
      `runs=${folder.path}`,
      ...QUICK,
      'lr=0.1',
      'optimizer=adam',
      'save_freq=0',
    ];
    expect((await cli(...train)).code).toBe(0);
    const { names: _, ...alone } = outcomeOf(at('alone'));
    const { names: __, ...same } = outcomeOf(at('whole', 'trials', trial?.trial ?? ''));
    expect(same).toEqual(alone);
    const evaluated = await cli(
      ...[
        'evaluate',
        `model=${at('alone')}`,
        QUICK[0],
        'split=PrivateTest',
        'crops=1',
        'device=cpu',
        'json=true',
      ],
    );
    expect(trial?.test).toEqual({
      split: 'PrivateTest',
      accuracy: JSON.parse(evaluated.stdout).accuracy,
      images: JSON.parse(evaluated.stdout).n,
    });
  });

  test('again: nothing runs', async () => {
    const before = tensorsOf(
      at('whole', 'trials', recordOf(at('whole')).trials[0].trial, 'last.safetensors'),
    );
    const again = await tune('whole', ...GRID, 'json=true');
    expect(again.code).toBe(0);
    expect(ended(again)).toEqual([]);
    expect(again.stderr).toContain('4 configurations, 12 epochs, 4 with results');
    expect(JSON.parse(again.stdout)).toEqual(recordOf(at('whole')));
    const after = tensorsOf(at('whole', 'trials', recordOf(at('whole')).trials[0].trial, 'last.safetensors'));
    expect(after).toEqual(before);
  });

  test('wider: only what is new runs, and what is not asked for any more is kept', async () => {
    const wider = await tune('whole', 'lr=0.01,0.1,1', 'optimizer=sgd', 'seeds=2', 'jobs=2', 'threads=2');
    expect(wider.code, wider.stderr).toBe(0);
    const lines = ended(wider);
    expect(lines).toHaveLength(4);
    expect(lines.map((line) => /lr=\S+ seed=\d/.exec(line)?.[0]).sort()).toEqual([
      'lr=0.01 seed=1',
      'lr=0.1 seed=1',
      'lr=1 seed=0',
      'lr=1 seed=1',
    ]);
    const { configurations, trials } = recordOf(at('whole'));
    expect(configurations).toHaveLength(3);
    expect(configurations.map(({ seeds }) => seeds)).toEqual([2, 2, 2]);
    for (const { val } of configurations) expect(val?.std).toBeGreaterThanOrEqual(0);
    expect(trials).toHaveLength(8);
  });

  test('a lost study.json costs nothing: the run folders say what they are', async () => {
    const before = outcomesOf(at('whole'));
    rmSync(at('whole', 'study.json'));
    const again = await tune('whole', 'lr=0.01,0.1,1', 'optimizer=sgd,adam', 'seeds=2', 'trials=1');
    expect(again.code).toBe(2);
    const found = await tune('whole', ...GRID);
    expect(ended(found)).toHaveLength(4);
    for (const line of ended(found)) expect(line).toContain('was there');
    for (const [hash, outcome] of Object.entries(outcomesOf(at('whole'))))
      expect(outcome).toEqual(before[hash]);
  });

  test('other data is refused', async () => {
    const other = await tune('whole', ...GRID, 'limit=20');
    expect(other.code).toBe(1);
    expect(other.stderr).toContain(`${at('whole')} is a study of other data (synthetic:120, limit=0)`);
  });
});

test('the test split asked for later: what is trained is judged, and nothing is lost', async () => {
  const first = await tune('later', 'lr=0.01,0.1', 'test=false');
  expect(first.code, first.stderr).toBe(0);
  const before = recordOf(at('later')).trials;
  for (const { trial } of before) {
    // Enough to judge, and too little to train on.
    const run = at('later', 'trials', trial);
    for (const name of readdirSync(run).filter((each) => each.startsWith('last'))) rmSync(join(run, name));
  }
  const second = await tune('later', 'lr=0.1');
  expect(second.code, second.stderr).toBe(0);
  const after = recordOf(at('later')).trials;
  expect(after.map(({ trial }) => trial)).toEqual(before.map(({ trial }) => trial));
  after.forEach(({ test: judged, ...trained }, i) => {
    expect(trained).toEqual(before[i]);
    expect(judged !== undefined).toBe(trained.settings?.lr === '0.1');
  });
});

test('a study that is killed goes on where it was', async () => {
  const args = ['tune', 'name=killed', `studies=${folder.path}`, ...QUICK, ...GRID];
  const running = fer(...args);
  await running.said('2/4');
  running.child.kill('SIGKILL');
  expect((await running.ended).signal).toBe('SIGKILL');
  const trials = (): string[] => readdirSync(at('killed', 'trials'));
  const { trials: known } = recordOf(at('killed'));
  expect(known.length).toBeGreaterThanOrEqual(1);
  const again = await cli(...args);
  expect(again.code, again.stderr).toBe(0);
  expect(ended(again).filter((line) => !line.includes('was there')).length).toBeLessThanOrEqual(
    4 - known.length,
  );
  const whole = outcomesOf(at('whole'));
  for (const [hash, outcome] of Object.entries(outcomesOf(at('killed'))))
    expect(outcome).toEqual(whole[hash]);
  expect(trials()).toHaveLength(4);
});

test('Ctrl-C saves the trials under way and says how to go on', async () => {
  const args = ['tune', 'name=stopped', `studies=${folder.path}`, ...QUICK, 'n_epochs=400', 'lr=0.01,0.1'];
  const running = fer(...args.filter((argument) => argument !== 'n_epochs=3'), 'jobs=2', 'threads=2');
  const lasts = (): string[] =>
    (existsSync(at('stopped', 'trials')) ? readdirSync(at('stopped', 'trials')) : []).filter((name) =>
      existsSync(at('stopped', 'trials', name, 'last.safetensors')),
    );
  await until(() => lasts().length === 2, running.output);
  // The terminal's end is no business of the trials: the study decides.
  for (const name of lasts()) {
    const { pid } = JSON.parse(readFileSync(at('stopped', 'trials', name, '.lock'), 'utf8'));
    process.kill(pid, 'SIGHUP');
  }
  running.child.kill('SIGINT');
  const { code, stdout, stderr } = await running.ended;
  expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
  expect(stderr).toContain('trials under way save after this step');
  expect(stderr).toMatch(/stopped; the same command goes on with \S+stopped\n$/);
  for (const name of lasts()) expect(existsSync(at('stopped', 'trials', name, '.lock'))).toBe(false);
});

test('successive halving pauses and resumes: the winner is the run it would have been alone', async () => {
  const args = ['search=asha', 'trials=9', 'lr=1e-3..1', 'n_epochs=4', 'min_epochs=1', 'reduction=3'];
  const quick = QUICK.filter((argument) => !argument.startsWith('n_epochs'));
  const study = await cli(
    'tune',
    'name=halving',
    `studies=${folder.path}`,
    ...quick,
    ...args,
    'jobs=2',
    'threads=2',
  );
  expect(study.code, study.stderr).toBe(0);
  const { trials, configurations } = recordOf(at('halving'));
  const epochs = trials.map(({ accuracies }) => accuracies.length).sort();
  expect(epochs).toEqual([1, 1, 1, 1, 1, 1, 3, 3, 4]);
  expect(configurations.filter(({ state }) => state === 'finished')).toHaveLength(1);
  const winner = trials.find(({ status }) => status === 'finished');
  const run = at('halving', 'trials', winner?.trial ?? '');
  const settings = [...quick, 'n_epochs=4', `lr=${winner?.settings?.lr}`, 'save_freq=0'];
  expect((await cli('train', 'name=winner', `runs=${folder.path}`, ...settings)).code).toBe(0);
  expect(tensorsOf(join(run, 'last.safetensors'))).toEqual(tensorsOf(at('winner', 'last.safetensors')));
});

test('the test split asked for later, far from the run folders: the winner is trained to its end again', async () => {
  const args = ['search=asha', 'trials=3', 'lr=1e-3..1', 'reduction=3', 'jobs=2', 'threads=2'];
  const first = await tune('elsewhere', ...args, 'test=false');
  expect(first.code, first.stderr).toBe(0);
  const before = recordOf(at('elsewhere')).trials;
  rmSync(at('elsewhere', 'trials'), { recursive: true });
  const second = await tune('elsewhere', ...args);
  expect(second.code, second.stderr).toBe(0);
  expect(ended(second)).toHaveLength(1);
  recordOf(at('elsewhere')).trials.forEach(({ test: judged, seconds: _, ...trained }, i) => {
    const { seconds: __, ...same } = before[i];
    expect(trained).toEqual(same);
    expect(judged !== undefined).toBe(trained.status === 'finished');
  });
});

describe('what goes wrong with one trial', () => {
  test('one that diverges is a row, and the others go on', async () => {
    const study = await tune('diverging', 'lr=0.01,1e30', 'warmup=0', 'optimizer=sgd');
    expect(study.code, study.stderr).toBe(0);
    expect(study.stderr).toMatch(/lr=1e\+30 {2}diverged: training diverged: values are no longer finite/);
    expect(
      recordOf(at('diverging'))
        .configurations.map(({ state }) => state)
        .sort(),
    ).toEqual(['diverged', 'finished']);
    // It would diverge again.
    expect(ended(await tune('diverging', 'lr=0.01,1e30', 'warmup=0', 'optimizer=sgd'))).toEqual([]);
  });

  test('one that fails is told, the others go on, and the same command tries it again', async () => {
    const study = await tune('failing', 'width=8,12', 'lr=0.1');
    expect(study.code).toBe(2);
    const args = QUICK.filter((argument) => !argument.startsWith('width'));
    const failing = ['tune', 'name=failing', `studies=${folder.path}`, ...args, 'width=8,12'];
    const first = await cli(...failing);
    expect(first.code).toBe(1);
    expect(first.stderr).toMatch(/2\/2 {2}width=12 {2}failed: .*(width|multiple)/);
    expect(first.stderr).toContain('trials of 1 configurations failed; the same command tries them again');
    expect(recordOf(at('failing')).configurations.map(({ state }) => state)).toEqual(['finished', 'failed']);
    const second = await cli(...failing);
    expect(ended(second)).toHaveLength(1);
    expect(ended(second)[0]).toContain('width=12');
  });

  test('one whose process is killed is told, and goes on the next time', async () => {
    const args = ['tune', 'name=crash', `studies=${folder.path}`, ...QUICK, 'optimizer=sgd,adam'];
    const long = args.map((argument) => (argument === 'n_epochs=3' ? 'n_epochs=12' : argument));
    const running = fer(...long);
    const lock = (): string | undefined => {
      const runs = existsSync(at('crash', 'trials')) ? readdirSync(at('crash', 'trials')) : [];
      return runs.map((run) => at('crash', 'trials', run, '.lock')).find((file) => existsSync(file));
    };
    await until(() => lock() !== undefined, running.output);
    process.kill(JSON.parse(readFileSync(lock() ?? '', 'utf8')).pid, 'SIGKILL');
    const { code, stderr } = await running.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /lr=0\.1 optimizer=sgd {2}failed: its process was ended by SIGKILL \(out of memory\?\)/,
    );
    expect(stderr).toMatch(/2\/2 {2}lr=0\.001 optimizer=adam {2}best/);
    const again = await cli(...long);
    expect(again.code, again.stderr).toBe(0);
    expect(ended(again)).toHaveLength(1);
  });
});

test('a combination that contradicts itself is told, and the others run', async () => {
  const study = await tune('contradicting', 'optimizer=sgd_nesterov', 'momentum=0,0.9');
  expect(study.code, study.stderr).toBe(0);
  expect(study.stderr).toMatch(/^skipped a combination: optimizer=sgd_nesterov needs momentum > 0/m);
  expect(recordOf(at('contradicting')).configurations.map(({ settings }) => settings.momentum)).toEqual([
    '0.9',
  ]);
});

describe('what is refused before anything runs', () => {
  test.each([
    [['lr=0.01..0.1'], 2, /lr=0\.01\.\.0\.1 is a range.*give search=random/],
    [['lr=0.1,x'], 2, /lr=0\.1,x: lr must be a number > 0/],
    [['search=asha', 'n_epochs=2,3'], 2, /give one n_epochs=/],
    [['min_epochs=2'], 2, /min_epochs= would have no effect: search=grid makes no use of it/],
    [['optimizer=adam', 'momentum=0.8,0.9'], 2, /momentum= would have no effect: optimizer=adam makes/],
    [['search=asha', 'min_epochs=3'], 2, /it must be below n_epochs=3/],
    [['optimizer=sgd_nesterov', 'momentum=0'], 2, /needs momentum > 0/],
    [['train=Training+PublicTest,PublicTest'], 2, /accuracy on images the network learned from/],
    [['crop_size=40,56'], 1, /crops of crop_size=56 do not fit into faces of 48x48 pixels/],
    [['lr=0.1,0.2', 'min_lr=0.3'], 2, /min_lr=0\.3 is above lr=0\.1/],
    [['crop_size=40,12'], 1, /network=vgg halves crops of 12x12 to nothing: give crop_size=16 or more/],
    [['search=random', 'lr=0.1,0.2', 'crop_size=56'], 1, /^drew 2 of trials=20: .*hold no others$/m],
    [['queue=redis:me:secret@host'], 2, /queue=\.\.\.: queue must be redis:\/\/HOST:PORT/],
    [['queue=redis://me:secret@host/x'], 2, /queue= names a database that is no number/],
  ])('%j', async (args, code, message) => {
    const quick = QUICK.filter(
      (argument) => !args.some((own) => own.split('=')[0] === argument.split('=')[0]),
    );
    const refused = await cli('tune', 'name=refused', `studies=${at('none')}`, ...quick, ...args);
    expect(refused).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) });
    expect(refused.stderr).not.toMatch(/bug|secret/);
    expect(existsSync(at('none', 'refused', 'study.json'))).toBe(false);
  });

  test('a damaged study.json', async () => {
    writeFileSync(at('whole', 'study.json'), '{"data": {"hash": "x"}, "trials": [{"trial": "../x"}]}');
    const refused = await tune('whole', ...GRID);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/study\.json is damaged: restore it, or delete it/);
  });
});
