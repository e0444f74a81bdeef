import { describe, expect, test } from 'vitest';
import { defaultsOf } from '../config/option.ts';
import { type TrainConfig, trainOptions } from '../config.ts';
import { afterChanges, type ChangingRun, changesOf, programAfter } from './changes.ts';

const DEFAULTS = { ...defaultsOf(trainOptions), name: 'a', data: 'x' } as TrainConfig;
const FIRST = { version: '1.0.0', git: 'a' };
const settings = (given: Partial<TrainConfig> = {}): ChangingRun => ({
  ...FIRST,
  train: { ...DEFAULTS, ...given },
});
/** The run as it is recorded after it went on with other settings at each of these places. */
function changed(...steps: [Partial<TrainConfig>, Parameters<typeof changesOf>[2]][]): ChangingRun {
  let run = settings();
  for (const [given, place] of steps) {
    const now = { ...FIRST, train: { ...run.train, ...given } };
    run = { ...now, changes: changesOf(run, now, place) };
  }
  return run;
}
const past = (epoch: number, images = 0) => ({ epoch, images });

describe('changesOf', () => {
  test('tells which settings changed where, and nothing where no weight depends on them', () => {
    const run = changed(
      [{ lr: 0.1, train: ['Training'], threads: 2 }, past(3)],
      [{ curves: false, theme: 'dark', tensorboard: true }, past(4)],
      [{ train: ['Training', 'PublicTest'], val: 'none' }, past(5, 64)],
    );
    expect(run.changes).toEqual([
      { epoch: 3, images: 0, before: { lr: 0 }, after: { lr: 0.1 } },
      {
        epoch: 5,
        images: 64,
        before: { train: ['Training'], val: 'PublicTest' },
        after: { train: ['Training', 'PublicTest'], val: 'none' },
      },
    ]);
    expect(afterChanges(run, 0).train).toMatchObject({ lr: 0, val: 'PublicTest', train: ['Training'] });
    expect(afterChanges(run, 1).train).toMatchObject({ lr: 0.1, val: 'PublicTest' });
    expect(afterChanges(run, 2)).toMatchObject(run);
  });

  test('before anything was trained there is none', () => {
    expect(changed([{ lr: 0.1 }, past(0)]).changes).toBeUndefined();
    expect(changed([{ lr: 0.1 }, past(0, 16)]).changes).toHaveLength(1);
  });

  test('two at the same place are one, and one that is taken back is none', () => {
    expect(changed([{ lr: 0.1 }, past(3)], [{ lr: 0.2, bs: 8 }, past(3)]).changes).toEqual([
      { epoch: 3, images: 0, before: { lr: 0, bs: 64 }, after: { lr: 0.2, bs: 8 } },
    ]);
    expect(changed([{ lr: 0.1 }, past(3)], [{ lr: 0 }, past(3)]).changes).toBeUndefined();
  });

  test('going back leaves out what was changed later, but not what holds on', () => {
    const run = changed(
      [{ lr: 0.1 }, past(3)],
      [{ bs: 8 }, past(6)],
      [{ mixup: 1 }, { ...past(9), restored: 5 }],
    );
    expect(run.changes).toEqual([
      { epoch: 3, images: 0, before: { lr: 0 }, after: { lr: 0.1 } },
      { epoch: 9, images: 0, restored: 5, before: { bs: 64, mixup: 0 }, after: { bs: 8, mixup: 1 } },
    ]);
    // Settings that come before the first step after it belong to it.
    const more = changesOf(run, { train: { ...run.train, mixup: 2 } }, past(9));
    expect(more?.[1]).toMatchObject({ restored: 5, after: { mixup: 2 } });
    expect(changesOf(run, run, { ...past(2), restored: 2 })).toMatchObject([
      { epoch: 2, restored: 2, after: { lr: 0.1, bs: 8, mixup: 1 } },
    ]);
  });

  test('another version or revision, where it trains on', () => {
    const [next, other] = [
      { version: '1.1.0', git: 'a' },
      { version: '1.1.0', git: null },
    ];
    const by = (program: typeof next | typeof other | undefined, epoch: number, restored?: number) => ({
      ...past(epoch),
      ...(restored !== undefined && { restored }),
      program,
    });
    const nothing = { before: {}, after: {} };
    const run = changed([{}, by(FIRST, 2)], [{}, by(next, 3)], [{}, by(next, 4)], [{}, by(other, 5)]);
    expect(run.changes).toEqual([
      { epoch: 3, images: 0, ...nothing, program: next },
      { epoch: 5, images: 0, ...nothing, program: other },
    ]);
    expect([0, 1, 2].map((count) => programAfter(run, count))).toEqual([FIRST, next, other]);
    // Before anything was trained, where nothing is left to train, and taken back before it trained.
    expect(changed([{}, by(next, 0)]).changes).toBeUndefined();
    expect(changed([{}, by(undefined, 3)]).changes).toBeUndefined();
    expect(changed([{}, by(next, 3)], [{}, by(FIRST, 3)]).changes).toBeUndefined();
    // Of epochs that are given up it trained nothing.
    expect(changed([{}, by(next, 3)], [{}, by(FIRST, 4, 2)]).changes).toEqual([
      { epoch: 4, images: 0, restored: 2, ...nothing },
    ]);
    expect(changed([{ lr: 0.1 }, by(next, 3)]).changes).toMatchObject([
      { after: { lr: 0.1 }, program: next },
    ]);
  });

  test('another teacher: which files were the old ones', () => {
    const [old, other] = ['old', 'other'].map((name) => ({ file: `${name}.safetensors`, sha256: name }));
    const run: ChangingRun = { ...settings({ teacher: 'old' }), teachers: [old] };
    const now: ChangingRun = { ...settings({ teacher: 'other' }), teachers: [other] };
    const recorded = { ...now, changes: changesOf(run, now, past(2)) };
    expect(recorded.changes).toMatchObject([{ after: { teacher: 'other' }, teachers: [old] }]);
    expect(afterChanges(recorded, 0).teachers).toEqual([old]);
    expect(afterChanges(recorded, 1).teachers).toEqual([other]);
  });
});
