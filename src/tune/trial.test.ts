import { describe, expect, test } from 'vitest';
import { DATA_HASH, settingsOf, trialOf } from '../../test/trials.ts';
import { checkTrainConfig, trainOptions, trialOptions } from '../config.ts';
import { AUGMENTATIONS } from '../engine/augment.ts';
import { makeTrial, parseSettings, settingsText, trainConfigOf } from './trial.ts';

describe('identity', () => {
  test('of settings, seed and data', () => {
    const hash = trialOf().hash;
    expect(hash).toMatch(/^[0-9a-f]{16}$/);
    const others = [
      trialOf({ lr: 0.02 }),
      trialOf({ seed: 1 }),
      trialOf({ train: ['Training', 'PublicTest'], val: 'PrivateTest' }),
      makeTrial(settingsOf(), 'e'.repeat(64)),
    ];
    expect(new Set([hash, ...others.map((trial) => trial.hash)]).size).toBe(5);
    expect(trialOf().hash).toBe(hash);
  });

  test('the same in every version: studies go on, and what is trained stays so', () => {
    // What were the defaults when this name was given.
    const first = { lr: 0.01, weight_decay: 1e-4, no_decay: [], ema: 0, label_smoothing: 0 };
    const before = { ...first, augmentations: AUGMENTATIONS };
    expect(trialOf(before).hash).toBe('c2c06c0ebde71a2c');
    expect(trialOf({ ...before, class_balance: 0.5 }).hash).not.toBe(trialOf(before).hash);
  });

  test('not of the order of the keys', () => {
    const reversed = Object.fromEntries(Object.entries(settingsOf()).reverse()) as ReturnType<
      typeof settingsOf
    >;
    expect(makeTrial(reversed, DATA_HASH).hash).toBe(trialOf().hash);
  });

  test('every setting of a training is either in it, or says where and how it is kept', () => {
    const outside = Object.keys(trainOptions).filter((key) => !Object.hasOwn(trialOptions, key));
    expect(outside.sort()).toEqual(
      [
        ...[
          'name',
          'runs',
          'recipe',
          'resume',
          'overwrite',
          'save_freq',
          'restore_epoch',
          'start_epoch',
          'from',
          'teacher',
          'teacher_share',
          'teacher_temperature',
        ],
        ...['data', 'limit', 'labels', 'ferplus', 'threads', 'json', 'curves', 'theme', 'tensorboard'],
      ].sort(),
    );
  });
});

describe('settings as text', () => {
  const settings = settingsOf({
    train: ['Training', 'PublicTest'],
    val: 'PrivateTest',
    lr: 1e-7,
    augment: false,
  });

  test('read back as they were', () => {
    const text = settingsText(settings);
    expect(Object.values(text).every((value) => typeof value === 'string')).toBe(true);
    expect(parseSettings(JSON.parse(JSON.stringify(text)), 'x')).toEqual(settings);
  });

  test.each([
    ['nothing', null, /x has no settings/],
    [
      'one that no trial has',
      { ...settingsText(settings), runs: '/etc' },
      /x has the setting "runs", which no trial/,
    ],
    ['one that is unknown', { ...settingsText(settings), __proto__x: '1' }, /which no trial has/],
    ['one missing', { ...settingsText(settings), lr: undefined }, /x: lr is undefined; it must be a number/],
    ['one of another type', { ...settingsText(settings), lr: 0.1 }, /x: lr is 0\.1; it must be/],
    ['one out of bounds', { ...settingsText(settings), width: '100000' }, /x: width is "100000"; it must be/],
  ])('%s is refused', (_, given, message) => {
    expect(() => parseSettings(given, 'x')).toThrow(message);
  });
});

test('a trial is a configuration of fer train', () => {
  const trial = trialOf({ lr: 0.5 });
  const place = { runs: 'somewhere', data: 'a.csv', limit: 5, threads: 2, resume: false };
  const config = trainConfigOf(trial, place);
  expect(config).toMatchObject({
    ...trial.settings,
    ...place,
    name: trial.hash,
    save_freq: 0,
    overwrite: false,
  });
  expect(Object.keys(config).sort()).toEqual(Object.keys(trainOptions).sort());
  expect(() => checkTrainConfig(config, new Set(Object.keys(config)))).not.toThrow();
});
