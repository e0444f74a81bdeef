import { describe, expect, test } from 'vitest';
import { VERBS } from './cli/verbs.ts';
import { configFromJson, parseArguments, type VerbSpec } from './config/parse.ts';
import {
  checkTrainArguments,
  OPTIMIZERS,
  RECIPES,
  resolveTrainConfig,
  SYNONYMS,
  type TrainConfig,
  trainOptions,
} from './config.ts';
import { UsageError } from './errors.ts';
import { OPTIMIZER_DEFAULTS } from './optim/optimizers.ts';

const train: VerbSpec<typeof trainOptions> = {
  name: 'train',
  summary: '',
  options: trainOptions,
  recipes: RECIPES,
  check: checkTrainArguments,
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
        // Whether to look for faces; a report has so many of them.
        if (verb.name === 'predict' && key === 'faces') continue;
        // A study takes several values, or a range, of what a training takes one of.
        const one = seen.get(key) ?? type.expects;
        expect(verb.name === 'tune' ? type.expects.slice(0, one.length) : type.expects).toBe(one);
        seen.set(key, one);
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

describe('options that would be ignored are wrong usage', () => {
  const given = (line: string) => {
    const [name, ...argv] = line.split(' ');
    return () => parseArguments(VERBS.find((verb) => verb.name === name) as VerbSpec, argv);
  };

  test.each([
    ['predict a.jpg faces=none annotate=x', /^annotate= would have no effect: faces=none looks for no faces/],
    ['predict a.jpg faces=none min_score=0.5 smallest=0.1', /^min_score= and smallest= would have no effect/],
    [
      'export out=x input=faces',
      /^input= would have no effect: format=safetensors has none. Give format=onnx/,
    ],
    ['export out=x format=safetensors check=false', /^check= would have no effect/],
    [
      'export out=x crops=1',
      /^crops= would have no effect: format=safetensors .* there is no data\. Give data= too/,
    ],
    [
      'evaluate data=x theme=dark',
      /^theme= would have no effect: without out= nothing is drawn\. Give out=FOLDER/,
    ],
    [
      'evaluate data=x theme=dark out=f.json',
      /^theme= would have no effect: f\.json holds the figures alone/,
    ],
    [
      'report a b data=x mistakes=3 faces=1',
      /^mistakes= and faces= would have no effect: a report of several runs/,
    ],
    ['train data=x name=n teacher_share=0.5', /^teacher_share= would have no effect: .*Give teacher= too/],
    ['train data=x name=n ferplus=majority', /^ferplus= would have no effect: .*Give labels= too/],
    [
      'train data=x name=n optimizer=sgd momentum=0.9',
      /^momentum= would have no effect: optimizer=sgd makes no use of it\. Give optimizer=sgd_momentum or sgd_nesterov, or leave it out\.$/,
    ],
    [
      'train data=x name=n beta1=0.8 beta2=0.9',
      /^beta1= and beta2= would .* Give optimizer=adam, adam_amsgrad or/,
    ],
    [
      'train data=x name=n optimizer=adam momentum=0 gamma=0.1',
      /^momentum= would .*optimizer=adam .*\ngamma= would .*scheduler=cosine .* Give scheduler=step, or/,
    ],
    [
      'train data=x name=n augment=false augmentations=crop',
      /^augmentations= would .*augment=false makes no use/,
    ],
    ['train data=x name=n val=none eval_crops=1', /^eval_crops= would .*val=none makes no use of it/],
    ['train data=x name=n curves=false theme=dark', /^theme= would .*Give curves=true, or leave it out/],
    [
      'train data=x name=n recipe=paper min_lr=0.001',
      /^min_lr= would .*scheduler=plateau makes no use of it/,
    ],
    [
      'explain a.jpg steps=9',
      /^steps= would .*method=gradient,gradcam,occlusion makes .* Give method=integrated/,
    ],
    [
      'explain a.jpg method=gradient samples=9 noise=0.1 patch=3',
      /^samples= and noise= would .*Give method=smoothgrad, or.*\npatch= would .*Give method=occlusion, or/,
    ],
    [
      'tune name=n data=x min_epochs=2 reduction=4',
      /^min_epochs= and reduction= would .*search=grid .*search=asha/,
    ],
    ['tune name=n data=x search=random reduction=4', /^reduction= would .*search=random makes no use of it/],
    ['tune name=n data=x trials=5', /^trials= would .*search=grid .* Give search=random or asha, or/],
    ['tune name=n data=x queue=redis://h jobs=2', /^jobs= would .*queue= leaves the trials to workers/],
    ['train data=x name=n lr=0.01 min_lr=0.1', /^min_lr=0\.1 is above lr=0\.01, the highest rate: give/],
  ])('%s', (line, message) => {
    expect(given(line)).toThrow(UsageError);
    expect(given(line)).toThrow(message);
  });

  test.each([
    'predict a.jpg faces=none crops=1',
    'predict a.jpg faces=auto annotate=x min_score=0.5 smallest=0.1',
    'export out=x.onnx format=onnx input=crops check=false',
    'export out=x dtype=fp16',
    'export out=x data=y crops=1',
    'export out=x.onnx format=onnx crops=1',
    'evaluate data=x theme=dark out=figures',
    'report a data=x mistakes=3 faces=1',
    'report a b data=x crops=1 mistakes=0 faces=0',
    'train data=x name=n recipe=paper optimizer=adam scheduler=step',
    'train data=x name=n scheduler=one_cycle pct_start=0.2 optimizer=adadelta eps=0.1 rho=0.8',
    'train data=x name=n labels=y ferplus=majority',
    'train data=x name=n resume=true momentum=0.5 optimizer=adam',
    'explain a.jpg baseline=black patch=3',
    'explain a.jpg method=integrated+smoothgrad steps=9 baseline=black seed=1',
    'tune name=n data=x search=asha reduction=4 min_epochs=2 trials=5',
  ])('%s is fine', (line) => {
    expect(given(line)).not.toThrow();
  });
});

describe('training', () => {
  test('the default recipe is that of the released networks, with a cosine', () => {
    expect(resolveTrainConfig(parse())).toMatchObject({
      crops: 1,
      optimizer: 'sgd_nesterov',
      scheduler: 'cosine',
      warmup: 1,
      lr: 0.04,
      bs: 64,
      weight_decay: 5e-4,
      no_decay: ['norm', 'bias'],
      ema: 0.998,
      label_smoothing: 0.1,
      augmentations: ['crop', 'scale', 'flip', 'rotate'],
    });
    expect(resolveTrainConfig(parse('optimizer=asgd')).ema).toBe(0);
  });

  test('recipe=paper', () => {
    expect(parse('recipe=paper')).toMatchObject({
      optimizer: 'sgd_nesterov',
      momentum: 0.9,
      lr: 0.01,
      weight_decay: 1e-4,
      no_decay: [],
      ema: 0,
      label_smoothing: 0,
      augmentations: ['crop', 'scale', 'shift', 'flip', 'rotate', 'erase'],
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

  test('auto is what suits the optimizer, and a given value stays', () => {
    for (const optimizer of OPTIMIZERS) {
      const auto = resolveTrainConfig(parse(`optimizer=${optimizer}`, 'lr=auto'));
      expect(auto).toMatchObject(OPTIMIZER_DEFAULTS[optimizer]);
      expect(resolveTrainConfig(auto)).toEqual(auto);
      const given = { lr: 0.3, weight_decay: 0, ...(/^(sgd|asgd)/.test(optimizer) ? {} : { eps: 0.5 }) };
      const argv = Object.entries(given).map(([key, value]) => `${key}=${value}`);
      expect(resolveTrainConfig(parse(`optimizer=${optimizer}`, ...argv))).toMatchObject(given);
    }
    expect(resolveTrainConfig(parse('optimizer=adam')).lr).toBe(1e-3);
    expect(trainOptions.lr.help).toContain('0.04 for sgd_momentum, sgd_nesterov; 1 for adadelta; ');
    expect(trainOptions.ema.help).toContain('auto is 0 for asgd; else 0.998');
  });

  test.each([
    'lr=0',
    'lr=-1',
    'weight_decay=-1',
    'eps=0',
    'beta1=1',
    'rho=1',
    'asgd_t0=-1',
    'beta2=-0.1',
    'mixup=-1',
    'cutmix=-0.2',
    'ema=1',
  ])('%s is refused', (setting) => {
    expect(() => parse(setting)).toThrow(UsageError);
  });

  test('a configuration with auto in it survives JSON', () => {
    const config = parse();
    expect(config).toMatchObject({ lr: 0, weight_decay: -1, eps: 0 });
    expect(configFromJson(trainOptions, JSON.parse(JSON.stringify(config)), 'config.json')).toEqual(config);
  });

  test.each<[string, TrainConfig['no_decay']]>([
    ['norm', ['norm']],
    ['bias,norm', ['bias', 'norm']],
    ['norm+bias', ['norm', 'bias']],
    ['none', []],
  ])('no_decay=%s', (text, groups) => {
    const config = parse(`no_decay=${text}`);
    expect(config.no_decay).toEqual(groups);
    expect(configFromJson(trainOptions, JSON.parse(JSON.stringify(config)), 'config.json')).toEqual(config);
    expect(parse().no_decay).toEqual(['norm', 'bias']);
    expect(() => parse('no_decay=weight')).toThrow(/one or more of norm, bias, joined with \+, or none/);
  });

  test.each(['', '.', '..', 'a/b', 'a\\b', '-x', '.hidden', 'a b'])('the name %j is no run', (name) => {
    expect(() => parseArguments(train, ['data=x', `name=${name}`])).toThrow(UsageError);
  });

  test.each([
    [['train=Training,PublicTest']],
    [['resume=true', 'overwrite=true']],
    [['momentum=0']],
    [['optimizer=asgd', 'ema=0.99']],
    [['train=PublicTest']],
    [['lr=0.001', 'min_lr=0.01']],
    [['min_lr=0.05']],
    [['optimizer=adam', 'min_lr=0.002']],
    [['teacher_share=0.5']],
    [['teacher_temperature=3', 'teacher_share=0.1']],
  ])('%j cannot be meant', (argv) => {
    expect(() => parse(...argv)).toThrow(UsageError);
  });

  test('what is left out is no mistake', () => {
    expect(parse('lr=0.01', 'min_lr=0.01').min_lr).toBe(0.01);
    expect(parse('min_lr=0.05', 'optimizer=sgd').lr).toBe(0);
    expect(parse('teacher=runs/a', 'teacher_share=0.1').teacher_share).toBe(0.1);
    expect(parse('teacher=', 'teacher_share=0.5').teacher).toBe('');
  });

  test('a run that goes on is not checked against defaults', () => {
    const argv = ['train=Training+PublicTest', 'teacher_share=0.1', 'gamma=0.5', 'scheduler=plateau'];
    expect(() => parse(...argv)).toThrow(UsageError);
    for (const goesOn of ['resume=true', 'restore_epoch=3']) {
      expect(parse(...argv, goesOn).train).toEqual(['Training', 'PublicTest']);
    }
  });

  test('plain momentum of zero is fine without Nesterov, and so is another validation split', () => {
    expect(parse('optimizer=sgd_momentum', 'momentum=0').momentum).toBe(0);
    expect(parse('train=Training,PublicTest', 'val=PrivateTest').train).toEqual(['Training', 'PublicTest']);
  });
});
