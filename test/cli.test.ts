import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from './dataFiles.ts';
import { optional } from './optional.ts';
import { CLI, cli, type Ended, start } from './process.ts';
import { outcomeOf, snapshot } from './training.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const at = (...names: string[]): string => join(folder.path, ...names);

const TRAIN = [
  'train',
  'data=synthetic:60',
  'width=8',
  'bs=16',
  'lr=0.01',
  'warmup=0',
  'scheduler=constant',
  'eval_crops=1',
  'threads=2',
  'device=cpu',
  `runs=${at('runs')}`,
];
beforeAll(async () => {
  const { code, stdout, stderr } = await cli(...TRAIN, 'name=a', 'n_epochs=2');
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^\S+a: 2 epochs, best \d+\.\d\d % on PublicTest after epoch [12]\n$/);
  // One plain line an epoch where there is no terminal, and no control characters.
  expect(
    stderr.match(/^epoch [12]\/2 {2}lr 0\.01 {2}train \d\.\d{4} \d+\.\d\d % {2}val .* images\/s {2}.* s$/gm),
  ).toHaveLength(2);
  for (const control of ['\r', '\u001b']) expect(stdout + stderr).not.toContain(control);
});

describe('json=true: one JSON value on standard output and nothing else', () => {
  const one = ({ code, stdout, stderr }: Ended): unknown => {
    expect(code, stderr).toBe(0);
    expect(stdout.endsWith('\n')).toBe(true);
    expect(stdout.trimEnd()).not.toContain('\n');
    return JSON.parse(stdout);
  };

  test('train', async () => {
    const result = one(await cli(...TRAIN, 'name=json', 'n_epochs=1', 'json=true'));
    const row = {
      epoch: 1,
      lr: 0.01,
      trainLoss: expect.any(Number),
      trainAccuracy: expect.any(Number),
      valLoss: expect.any(Number),
      valAccuracy: expect.any(Number),
      seconds: expect.any(Number),
      imagesPerSecond: expect.any(Number),
    };
    expect(result).toEqual({ run: at('runs', 'json'), history: [row], best: row, ended: 'epochs' });
  });

  test('evaluate', async () => {
    const result = one(
      await cli('evaluate', `model=${at('runs', 'a')}`, 'data=synthetic:60', 'crops=1', 'json=true'),
    );
    const promised = [
      'n',
      'accuracy',
      'top2',
      'loss',
      'macro',
      'balancedAccuracy',
      'perClass',
      'labels',
      'confusion',
      'imagesPerSecond',
    ];
    expect(Object.keys(result as object)).toEqual(expect.arrayContaining(promised));
  });

  test('predict', async () => {
    const file = at('face.png');
    await sharp({ create: { width: 48, height: 48, channels: 3, background: '#888' } })
      .png()
      .toFile(file);
    const answer = { label: expect.any(String), scores: expect.any(Object) };
    const args = ['predict', file, `model=${at('runs', 'a')}`, 'json=true'];
    expect(one(await cli(...args, 'faces=none'))).toEqual([{ file, ...answer }]);
    const box = { x: 0, y: 0, width: 48, height: 48 };
    expect(one(await cli(...args))).toEqual([
      { file, faces: [{ box, keypoints: null, faceScore: 1, ...answer }] },
    ]);
  });

  test.each([
    ['train', 1],
    ['infer', 10],
  ] as const)('bench what=%s', async (what, crops) => {
    const size = ['width=8', 'bs=4', 'steps=3', 'threads=2', 'device=cpu'];
    const args = [...size, `what=${what}`, `crops=${crops}`];
    const result = one(await cli('bench', ...args, 'json=true'));
    const row = {
      what,
      bs: 4,
      crops,
      threads: 2,
      device: expect.stringMatching(/^CPU, WebAssembly .*2 threads$/),
      imagesPerSecond: expect.any(Number),
      seconds: expect.any(Number),
    };
    expect(result).toEqual([row]);
    const [{ imagesPerSecond, seconds }] = result as { imagesPerSecond: number; seconds: number }[];
    expect(imagesPerSecond * seconds).toBeCloseTo(4, 6);
    const [profiled] = one(await cli('bench', ...args, 'profile=true', 'json=true')) as {
      profile: object[];
    }[];
    expect(profiled).toEqual({ ...row, profile: expect.any(Array) });
    expect(profiled.profile.length).toBeGreaterThan(8);
    for (const kernel of profiled.profile) {
      expect(kernel).toEqual({
        kernel: expect.any(String),
        calls: expect.any(Number),
        seconds: expect.any(Number),
        gflops: expect.toSatisfy((value) => value === null || value > 0),
      });
    }
  });

  test('data', async () => {
    expect(one(await cli('data', 'synthetic:60', 'json=true'))).toMatchObject({ rows: 60 });
  });

  test('nothing where it fails', async () => {
    for (const args of [
      ['evaluate', 'model=none', 'data=synthetic'],
      ['predict', 'none.png', 'model=none'],
      [...TRAIN, 'name=a'],
    ]) {
      const { code, stdout, stderr } = await cli(...args, 'json=true');
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).not.toContain('bug');
    }
  });
});

describe('a disk that is full', () => {
  // A limit on the size of a file stands for it; the write fails in the same way.
  const bash = optional('a full disk', process.platform !== 'win32', 'needs ulimit');

  test.runIf(bash)('clear message, exit code 1, the run as it was, and it goes on later', async () => {
    const run = at('runs', 'full');
    await cli(...TRAIN, 'name=full', 'n_epochs=1');
    const before = snapshot(run);
    const limited = await start('bash', [
      '-c',
      'ulimit -f 1000; exec "$@"',
      'bash',
      process.execPath,
      CLI,
      ...TRAIN,
      'name=full',
      'resume=true',
      'n_epochs=2',
    ]).ended;
    expect(limited).toMatchObject({ code: 1, signal: null, stdout: '' });
    expect(limited.stderr).toMatch(/\ncannot write \S+safetensors: .*choose another disk \(EFBIG\)\n$/);
    const { 'config.json': _, ...after } = snapshot(run);
    const { 'config.json': __, ...kept } = before;
    expect(after).toEqual(kept);
    expect((await cli(...TRAIN, 'name=full', 'resume=true', 'n_epochs=2')).code).toBe(0);
    const { names, ...bits } = outcomeOf(run);
    const { names: same, ...expected } = outcomeOf(at('runs', 'a'));
    expect(names).toEqual(same);
    expect(bits).toEqual(expected);
  });

  test('a runs folder that cannot be made', async () => {
    writeFileSync(at('file'), '');
    const args = TRAIN.filter((argument) => !argument.startsWith('runs='));
    const refused = await cli(...args, 'name=a', `runs=${at('file', 'runs')}`);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/cannot make the run folder .*a part of the path is a file/);
  });
});

describe('exit codes of a process', () => {
  test.each([
    [['train', 'name=x'], 2, /data= is missing/],
    [['train', 'data=synthetic', 'name=../x'], 2, /name must be letters, digits/],
    [['train', 'data=synthetic', 'name=x', 'lr=-1'], 2, /lr must be a number > 0/],
    [['train', 'data=synthetic', 'name=x', 'resume=true', 'overwrite=true'], 2, /give one of them/],
    [['train', 'data=none.csv', 'name=x'], 1, /none\.csv: no such file or folder/],
    [['train', 'data=synthetic:30', 'name=x', 'width=3', 'threads=1'], 1, /width|multiples/],
    [['predict', 'model=x'], 2, /IMAGE\|FOLDER\.\.\. is missing/],
    [['--help'], 0, /^$/],
  ] as const)('%j', async (args, code, message) => {
    const ended = await start(process.execPath, [CLI, ...args], { cwd: folder.path }).ended;
    expect(ended).toMatchObject({ code, stderr: expect.stringMatching(message) });
    expect(ended.stderr).not.toContain('bug');
    // Nothing begun where nothing could be done.
    expect(existsSync(at('runs', 'x'))).toBe(false);
  });
});

test.runIf(existsSync('/dev/full'))(
  'a full disk behind a redirected stream is told, and ends nothing',
  async () => {
    const answer = (redirection: string): Promise<{ code: number | null; stdout: string; stderr: string }> =>
      start('/bin/sh', ['-c', `"${process.execPath}" "${CLI}" --help ${redirection}`]).ended;
    const full = await answer('> /dev/full');
    expect(full).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^fer: standard output is not complete: .*ENOSPC.*\n$/),
    });
    expect(await answer('2> /dev/full')).toMatchObject({ code: 0, stdout: expect.stringContaining('fer') });
  },
);
