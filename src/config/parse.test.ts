import { describe, expect, test } from 'vitest';
import { FerError, UsageError } from '../errors.ts';
import { group, option, required } from './option.ts';
import { configFromJson, parseArguments, type VerbSpec } from './parse.ts';
import { bool, choice, float, int, secret, several, text } from './value.ts';

const options = {
  ...group('Data', { data: required(text(), 'where the images are') }),
  ...group('Recipe', {
    bs: option(int({ min: 1 }), 64, 'batch size'),
    n_epochs: option(int({ min: 1 }), 60, 'epochs'),
    lr: option(float({ above: 0 }), 0.01, 'learning rate'),
    optimizer: option(choice(['sgd', 'sgd_nesterov']), 'sgd', 'optimizer'),
    train: option(several(['Training', 'PublicTest']), ['Training'], 'splits'),
    resume: option(bool(), false, 'go on'),
    recipe: option(choice(['default', 'paper']), 'default', 'recipe'),
  }),
};
const spec: VerbSpec<typeof options> = {
  name: 'train',
  summary: 'train',
  options,
  recipes: { default: {}, paper: { bs: 32, n_epochs: 300 } },
  synonyms: { batch_size: 'bs', unrelated: 'nothing' },
  examples: [],
};
const withFiles: VerbSpec<typeof options> = {
  ...spec,
  positionals: { label: 'FILE...', help: '', min: 1, max: 2 },
};
const parse = (...argv: string[]) => parseArguments(spec, argv);
const message = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
};

describe('parseArguments', () => {
  test('defaults, and what was given', () => {
    const { config, chosen } = parse('data=a=b.csv', 'lr=.5', 'train=Training,PublicTest');
    expect(config).toEqual({
      data: 'a=b.csv',
      bs: 64,
      n_epochs: 60,
      lr: 0.5,
      optimizer: 'sgd',
      train: ['Training', 'PublicTest'],
      resume: false,
      recipe: 'default',
    });
    expect([...chosen].sort()).toEqual(['data', 'lr', 'train']);
  });

  test('the type of a configuration comes from the declaration', () => {
    const { config } = parse('data=x');
    const optimizer: 'sgd' | 'sgd_nesterov' = config.optimizer;
    const bs: number = config.bs;
    // @ts-expect-error a number is no text
    const wrong: string = config.bs;
    expect([optimizer, bs, wrong]).toEqual(['sgd', 64, 64]);
  });

  test('the ways of other programs', () => {
    expect(parse('--data=x', '--bs', '8', '--n-epochs=2', '--resume').config).toMatchObject({
      data: 'x',
      bs: 8,
      n_epochs: 2,
      resume: true,
    });
    expect(parse('--resume', 'false', '--data', 'x').config.resume).toBe(false);
    expect(parse('--resume', 'data=x').config).toMatchObject({ resume: true, data: 'x' });
  });

  test('a recipe replaces defaults, never what was given, and counts as set by the user', () => {
    const { config, chosen, typed } = parse('data=x', 'n_epochs=7', 'recipe=paper');
    expect(config).toMatchObject({ bs: 32, n_epochs: 7, recipe: 'paper' });
    expect([chosen.has('bs'), typed.has('bs')]).toEqual([true, false]);
    expect(parse('data=x').chosen.has('bs')).toBe(false);
  });

  test('positional arguments', () => {
    const { positionals } = parseArguments(withFiles, ['a.png', 'data=x', '--', 'bs=1']);
    expect(positionals).toEqual(['a.png', 'bs=1']);
    expect(message(() => parseArguments(withFiles, ['data=x']))).toContain('FILE... is missing');
    expect(message(() => parseArguments(withFiles, ['a', 'b', 'c', 'data=x']))).toContain(
      'unexpected argument "c"',
    );
    expect(message(() => parseArguments(withFiles, ['odd=1.png', 'data=x']))).toContain('write ./odd=1.png');
  });

  test.each<[string[], RegExp]>([
    [[], /data= is missing: where the images are/],
    [['data='], /data must be text/],
    [['data=x', 'bz=1'], /unknown option bz=\. Did you mean bs=\?/],
    [['data=x', 'epochs=1'], /Did you mean n_epochs=\?/],
    [['data=x', 'batch_size=1'], /Did you mean bs=\?/],
    [['data=x', 'zzzzzz=1'], /Options: data bs n_epochs lr/],
    [['data=x', 'unrelated=1'], /Options: data/],
    [['data=x', 'constructor=1'], /unknown option constructor=/],
    [['data=x', 'bs=0'], /bs=0: bs must be a whole number >= 1/],
    [['data=x', 'optimizer=nesterov'], /Did you mean optimizer=sgd_nesterov\?/],
    [['data=x', 'optimizer=adamw'], /must be one of sgd, sgd_nesterov\.\nSee/],
    [['data=x', 'recipe=papr'], /Did you mean recipe=paper\?/],
    [['data=x', 'bs=1', 'bs=2'], /bs is given twice: bs=1 and bs=2/],
    [['data=x', 'resume'], /unexpected argument "resume"\. Options are written key=value: resume=/],
    [['data=x', 'stray.txt'], /unexpected argument "stray.txt"\.\n/],
    [['data=x', '--bs'], /--bs has no value/],
    [['data=x', '-b'], /unknown option "-b"/],
  ])('%j is refused', (argv, expected) => {
    const text = message(() => parse(...argv));
    expect(text).toMatch(expected);
    expect(text).toMatch(/\nSee: fer train --help$/);
  });

  test('combinations are checked by the verb', () => {
    const check = () => {
      throw new UsageError('not together');
    };
    expect(message(() => parseArguments({ ...spec, check }, ['data=x']))).toBe('not together');
  });
});

describe('a saved configuration', () => {
  const { config } = parse('data=x', 'train=PublicTest', 'resume=true', 'lr=1e-7');

  test('survives JSON', () => {
    expect(configFromJson(options, JSON.parse(JSON.stringify(config)), 'config.json')).toEqual(config);
  });

  test('of an earlier version takes the default, of a later one loses the unknown key', () => {
    const { bs: _, ...old } = config;
    expect(configFromJson(options, { ...old, future: 1 }, 'c')).toEqual(config);
  });

  test.each<[unknown, RegExp]>([
    [[], /expected an object/],
    [null, /expected an object/],
    [{}, /data is missing/],
    [{ ...config, bs: 0 }, /bs is 0; it must be a whole number >= 1/],
    [{ ...config, bs: '64' }, /bs is "64"/],
    [{ ...config, data: 5 }, /data is 5/],
    [{ ...config, data: {} }, /data is \{\}/],
    [{ ...config, train: ['Nope'] }, /train is \["Nope"\]/],
    [{ ...config, train: 'Training' }, /train is "Training"/],
    [{ ...config, resume: 'true' }, /resume is "true"/],
  ])('%j is refused', (json, expected) => {
    expect(() => configFromJson(options, json, 'config.json')).toThrow(FerError);
    expect(() => configFromJson(options, json, 'config.json')).toThrow(expected);
  });
});

describe('passwords are not repeated', () => {
  const queue = required(secret(text(/^redis:\/\/\S+$/, 'redis://HOST:PORT')), 'server');
  const withQueue = { ...spec, options: { ...options, queue } };
  const said = (...argv: string[]) => message(() => parseArguments(withQueue, ['data=x', ...argv]));

  test.each([
    ['a malformed one', ['queue=redis:me:hunter2@host']],
    ['one given twice', ['queue=redis://:hunter2@host', 'queue=redis://:hunter2@host']],
    ['one under another key', ['queues=redis://:hunter2@host', '--server=redis://me:hunter2@host']],
    ['one in the wrong place', ['redis://:hunt@er2@host:6379']],
    ['one as another value', ['bs=redis://:hunter2@host']],
  ])('%s', (_, argv) => {
    expect(said(...argv)).not.toMatch(/hunt|er2/);
  });

  test('the rest of the message is there', () => {
    expect(said('queue=x:hunter2')).toContain('queue=...: queue must be redis://HOST:PORT.');
    expect(said('bs=redis://:hunter2@host')).toContain('bs=redis://***@host: bs must be');
  });
});
