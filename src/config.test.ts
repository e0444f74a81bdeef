import { describe, expect, test } from 'vitest';
import { VERBS } from './cli/verbs.ts';
import { parseArguments, type VerbSpec } from './config/parse.ts';
import { checkTrainConfig, RECIPES, SYNONYMS, type TrainConfig, trainOptions } from './config.ts';
import { UsageError } from './errors.ts';

const train: VerbSpec<typeof trainOptions> = {
  name: 'train',
  summary: '',
  options: trainOptions,
  recipes: RECIPES,
  check: checkTrainConfig,
  examples: [],
};
const parse = (...argv: string[]): TrainConfig => parseArguments(train, ['data=x', 'name=n', ...argv]).config;

describe('declarations', () => {
  test.each(
    VERBS.flatMap((verb) => Object.entries(verb.options).map(([key, o]) => [verb.name, key, o] as const)),
  )(
    '%s %s: the default is a valid value and the reason is one line',
    (_verb, _key, { type, default: value, help }) => {
      if (value !== undefined) expect(type.parse(type.show(value))).toEqual(value);
      expect(help).toMatch(/^\S[^\n]{5,}[^.\s]$/);
    },
  );

  test('one key means one type in every verb', () => {
    const seen = new Map<string, string>();
    for (const verb of VERBS) {
      for (const [key, { type }] of Object.entries(verb.options)) {
        if (verb.name === 'data' && key === 'limit') continue;
        expect(type.expects).toBe(seen.get(key) ?? type.expects);
        seen.set(key, type.expects);
      }
    }
  });

  test('synonyms lead to options and are none themselves', () => {
    const keys = new Set(VERBS.flatMap((verb) => Object.keys(verb.options)));
    for (const [other, ours] of Object.entries(SYNONYMS)) {
      expect(keys.has(ours), ours).toBe(true);
      expect(keys.has(other), other).toBe(false);
    }
  });
});

describe('training', () => {
  test('the default recipe takes one crop an image', () => {
    expect(parse()).toMatchObject({
      crops: 1,
      optimizer: 'sgd_nesterov',
      scheduler: 'cosine',
      warmup: 1,
      lr: 0.01,
      bs: 64,
    });
  });

  test('recipe=paper', () => {
    expect(parse('recipe=paper')).toMatchObject({
      optimizer: 'sgd_nesterov',
      momentum: 0.9,
      lr: 0.01,
      weight_decay: 1e-4,
      scheduler: 'plateau',
      plateau_factor: 0.75,
      plateau_patience: 5,
      bs: 64,
      crops: 10,
      drop: 0.2,
      n_epochs: 300,
      save_freq: 20,
    });
    expect(parse('recipe=paper', 'crops=1').crops).toBe(1);
  });

  test.each(['', '.', '..', 'a/b', 'a\\b', '-x', '.hidden', 'a b'])('the name %j is no run', (name) => {
    expect(() => parseArguments(train, ['data=x', `name=${name}`])).toThrow(UsageError);
  });

  test.each([
    [['train=Training,PublicTest']],
    [['resume=true', 'overwrite=true']],
    [['momentum=0']],
    [['train=PublicTest']],
  ])('%j cannot be meant', (argv) => {
    expect(() => parse(...argv)).toThrow(UsageError);
  });

  test('plain momentum of zero is fine without Nesterov, and so is another validation split', () => {
    expect(parse('optimizer=sgd', 'momentum=0').momentum).toBe(0);
    expect(parse('train=Training,PublicTest', 'val=PrivateTest').train).toEqual(['Training', 'PublicTest']);
  });
});
