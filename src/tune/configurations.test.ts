import { describe, expect, test } from 'vitest';
import { asked } from '../../test/trials.ts';
import { type TrialSettings, trialOptions } from '../config.ts';
import { UsageError } from '../errors.ts';

const all = <K extends keyof TrialSettings>(key: K, ...args: string[]) =>
  asked(...args).settings.map((each) => each[key]);

describe('a grid', () => {
  test('every combination, in an order that a longer list keeps', () => {
    const { settings, study } = asked('lr=0.1,0.01', 'bs=32,64', 'n_epochs=5');
    expect(settings.map(({ lr, bs }) => [lr, bs])).toEqual(
      expect.arrayContaining([
        [0.1, 32],
        [0.1, 64],
        [0.01, 32],
        [0.01, 64],
      ]),
    );
    expect(settings).toHaveLength(4);
    expect(study.keys).toEqual(['bs', 'lr']);
  });

  test('a setting that has no effect makes no second trial', () => {
    const { settings } = asked('optimizer=sgd,sgd_nesterov,adam', 'momentum=0.5,0.9');
    expect(settings.map(({ optimizer, momentum }) => `${optimizer} ${momentum}`).sort()).toEqual([
      'adam 0.9',
      'sgd 0.9',
      'sgd_nesterov 0.5',
      'sgd_nesterov 0.9',
    ]);
  });

  test('auto is what it stands for, and so is not another trial', () => {
    expect(all('lr', 'optimizer=adam', 'lr=auto,0.001')).toEqual([0.001]);
    expect(asked('optimizer=sgd,adam').study.keys).toEqual(['lr', 'optimizer']);
  });

  test('lists of splits', () => {
    expect(all('train', 'train=Training,Training+PublicTest', 'val=PrivateTest')).toEqual([
      ['Training'],
      ['Training', 'PublicTest'],
    ]);
  });
});

describe('random search', () => {
  const args = [
    'search=random',
    'lr=1e-4..1e-1',
    'bs=16..64',
    'drop=0..0.5',
    'optimizer=sgd,adam',
    'n_epochs=5',
  ];

  test('draws within the ranges, on their scales', () => {
    const { settings } = asked(...args, 'trials=1000', 'seed=1');
    expect(settings).toHaveLength(1000);
    const share = (test: (each: TrialSettings) => boolean) => settings.filter(test).length / settings.length;
    for (const { lr, bs, drop } of settings) {
      expect(lr).toBeGreaterThanOrEqual(1e-4);
      expect(lr).toBeLessThanOrEqual(1e-1);
      expect(Number(lr.toPrecision(3))).toBe(lr);
      expect(Number.isInteger(bs) && bs >= 16 && bs <= 64).toBe(true);
      expect(drop >= 0 && drop <= 0.5).toBe(true);
    }
    // A third of a range of three powers of ten; half of one that is not logarithmic; the middle of 16..64.
    expect(share(({ lr }) => lr < 1e-3)).toBeCloseTo(1 / 3, 1);
    expect(share(({ drop }) => drop < 0.25)).toBeCloseTo(1 / 2, 1);
    expect(share(({ bs }) => bs < 32)).toBeCloseTo(1 / 2, 1);
    expect(share(({ optimizer }) => optimizer === 'sgd')).toBeCloseTo(1 / 2, 1);
    expect(share(({ bs }) => bs === 16 || bs === 64)).toBeGreaterThan(0);
  });

  test('the same for the same seed; more trials add to them', () => {
    const { settings } = asked(...args, 'trials=10');
    expect(asked(...args, 'trials=30').settings.slice(0, 10)).toEqual(settings);
    expect(asked(...args, 'trials=10', 'seed=1').settings.map(({ lr }) => lr)).not.toEqual(
      settings.map(({ lr }) => lr),
    );
  });

  test('one more setting leaves the others as they are', () => {
    const wider = asked(...args, 'trials=10', 'label_smoothing=0..0.2').settings;
    expect(wider.map(({ lr }) => lr)).toEqual(all('lr', ...args, 'trials=10'));
  });

  test('close to one: as many digits as the range asks for', () => {
    const averages = all('ema', 'search=random', 'ema=0.999..0.9999', 'trials=20');
    expect(new Set(averages).size).toBe(20);
    for (const ema of averages) {
      expect(ema >= 0.999 && ema <= 0.9999).toBe(true);
      expect(Number(ema.toFixed(6))).toBe(ema);
    }
    // Three digits are enough for a range that is as wide as its numbers are large.
    for (const drop of all('drop', 'search=random', 'drop=0..0.5', 'trials=50')) {
      expect(Number(drop.toPrecision(3))).toBe(drop);
    }
  });

  test('only widths that a network can have', () => {
    const widths = all('width', 'search=random', 'width=12..43', 'lr=1e-3..1', 'trials=200');
    const share = (width: number) => widths.filter((each) => each === width).length / widths.length;
    expect(widths.every((width) => [16, 24, 32, 40].includes(width))).toBe(true);
    for (const width of [16, 24, 32, 40]) expect(share(width)).toBeCloseTo(1 / 4, 1);
    expect(() => asked('search=random', 'width=17..23')).toThrow(/width=17\.\.23 holds no multiple of 8/);
  });

  test('a small space is exhausted, and each configuration is there once', () => {
    const { settings } = asked('search=random', 'trials=50', 'lr=0.1,0.01', 'bs=32,64');
    expect(new Set(settings.map(({ lr, bs }) => `${lr} ${bs}`)).size).toBe(4);
    expect(settings).toHaveLength(4);
  });
});

describe('ready-made studies', () => {
  test('optimizers: the seven of the paper, each with constant and with decaying rate', () => {
    const { settings, study } = asked('study=optimizers', 'n_epochs=60');
    expect(settings).toHaveLength(14);
    expect(new Set(settings.map(({ optimizer }) => optimizer))).toEqual(
      new Set(['sgd', 'sgd_nesterov', 'asgd', 'adam', 'adam_amsgrad', 'adadelta', 'adagrad']),
    );
    for (const { scheduler, plateau_patience, lr, optimizer } of settings) {
      expect(['constant', 'plateau']).toContain(scheduler);
      // A fifth of the epochs of the paper, a fifth of its patience.
      if (scheduler === 'plateau') expect(plateau_patience).toBe(1);
      if (optimizer === 'adadelta') expect(lr).toBe(1);
    }
    expect(study.keys).toEqual(['lr', 'optimizer', 'scheduler']);
  });

  test('with the settings of the paper', () => {
    const { settings } = asked('study=optimizers', 'recipe=paper');
    expect(settings).toHaveLength(14);
    for (const { lr, n_epochs, crops, scheduler, plateau_patience } of settings) {
      expect({ lr, n_epochs, crops }).toEqual({ lr: 0.01, n_epochs: 300, crops: 10 });
      if (scheduler === 'plateau') expect(plateau_patience).toBe(5);
    }
  });

  test('schedulers', () => {
    const { settings, study } = asked('study=schedulers', 'recipe=paper');
    expect(settings.map(({ scheduler }) => scheduler)).toEqual([
      ...['constant', 'plateau', 'step', 'one_cycle', 'cosine', 'cosine_warm_restarts'],
    ]);
    expect(settings.find(({ scheduler }) => scheduler === 'step')).toMatchObject({
      step_size: 20,
      gamma: 0.5,
    });
    expect(study.keys).toEqual(['scheduler']);
  });

  test('grid, and what is given overrides what a study says', () => {
    expect(asked('study=grid').settings).toHaveLength(24);
    const { settings } = asked('study=grid', 'lr=0.5', 'momentum=0.8,0.9');
    expect(settings).toHaveLength(12);
    expect(new Set(settings.map(({ lr }) => lr))).toEqual(new Set([0.5]));
  });

  test.each(['optimizers', 'schedulers', 'grid'])('%s has values that fer train takes', (name) => {
    for (const epochs of [1, 6, 60, 300]) {
      for (const each of asked(`study=${name}`, `n_epochs=${epochs}`).settings) {
        for (const [key, { type }] of Object.entries(trialOptions)) {
          const value = each[key as keyof TrialSettings];
          expect(type.parse(type.show(value as never)), key).toEqual(value);
        }
      }
    }
  });
});

describe('combinations that contradict themselves', () => {
  test('are left out of a grid, counted, and the first is explained', () => {
    const { settings, skipped } = asked('optimizer=sgd_nesterov,adam', 'momentum=0,0.9', 'lr=0.1,0.2');
    expect(settings.map(({ optimizer, momentum }) => `${optimizer} ${momentum}`).sort()).toEqual([
      ...['adam 0.9', 'adam 0.9', 'sgd_nesterov 0.9', 'sgd_nesterov 0.9'],
    ]);
    expect(skipped).toEqual({ count: 2, why: expect.stringMatching(/sgd_nesterov needs momentum > 0/) });
    expect(asked('lr=0.1,0.2').skipped).toBeUndefined();
    expect(asked('val=none,PublicTest').skipped?.why).toMatch(/ranked by their validation/);
  });

  test('are not drawn', () => {
    const args = ['search=random', 'optimizer=sgd_momentum,sgd_nesterov', 'momentum=0,0.5', 'lr=1e-3..1'];
    const { settings, skipped } = asked(...args, 'trials=40');
    expect(settings).toHaveLength(40);
    expect(settings.some(({ momentum }) => momentum === 0)).toBe(true);
    for (const { optimizer, momentum } of settings) {
      expect(optimizer === 'sgd_nesterov' && momentum === 0).toBe(false);
    }
    expect(skipped?.count).toBeGreaterThan(1);
    expect(asked(...args, 'trials=9').settings).toEqual(settings.slice(0, 9));
  });

  test('a least rate above the rate, where the schedule has one', () => {
    const { settings, skipped } = asked(
      ...['optimizer=sgd', 'lr=auto,0.01', 'min_lr=0.05', 'scheduler=cosine,constant'],
    );
    expect(settings.map(({ lr, scheduler }) => `${lr} ${scheduler}`).sort()).toEqual([
      ...['0.01 constant', '0.1 constant', '0.1 cosine'],
    ]);
    expect(skipped).toEqual({ count: 1, why: expect.stringMatching(/^min_lr=0\.05 is above lr=0\.01/) });
  });

  test.each([
    [['momentum=0']],
    [['train=PublicTest,Training+PublicTest']],
    [['val=none']],
    [['search=random', 'momentum=0', 'lr=1e-3..1']],
  ])('%j: an error where none is left', (args) => {
    expect(() => asked(...args)).toThrow(UsageError);
  });

  test('an average of the weights is left to the optimizers that have none', () => {
    const { settings, skipped } = asked('study=optimizers', 'ema=0.999');
    expect(settings).toHaveLength(14);
    for (const { optimizer, ema } of settings) expect(ema).toBe(optimizer === 'asgd' ? 0 : 0.999);
    expect(skipped).toBeUndefined();
    expect(asked('optimizer=sgd,asgd', 'ema=0,0.9').settings).toHaveLength(3);
    expect(() => asked('optimizer=asgd', 'ema=0.9')).toThrow(
      /^ema= would .*optimizer=asgd makes no use of it/,
    );
  });
});

test('trials= without a search that draws', () => {
  expect(() => asked('trials=5')).toThrow(/Give search=random or asha/);
});

describe('a setting that is given', () => {
  test.each([
    [['optimizer=adam', 'momentum=0.8,0.9'], /^momentum= would .*optimizer=adam makes no use/],
    [['optimizer=sgd,adam', 'momentum=0.8'], /^momentum= would .*optimizer=sgd,adam makes no use/],
    [['study=optimizers', 'gamma=0.3'], /^gamma= would .*scheduler=constant,plateau makes no use/],
    [['search=random', 'scheduler=step,wsd', 't_max=2..5'], /^t_max= would .*scheduler=step,wsd makes no/],
    [['augment=false', 'augmentations=crop,flip'], /^augmentations= would .*augment=false makes no use/],
  ])('%j is refused where no configuration uses it', (args, message) => {
    expect(() => asked(...args)).toThrow(UsageError);
    expect(() => asked(...args)).toThrow(message);
  });

  test.each([
    [['study=optimizers', 'asgd_t0=250', 'momentum=0.8']],
    [['study=schedulers', 'gamma=0.3']],
    [['recipe=paper', 'optimizer=adam']],
    [['augment=true,false', 'augmentations=crop,flip']],
  ])('%j is taken where one may', (args) => {
    expect(() => asked(...args)).not.toThrow();
  });
});
