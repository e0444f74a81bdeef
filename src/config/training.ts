/** Settings of a training. */
import { SPLITS } from '../data/dataset.ts';
import { FER_PLUS_MODES } from '../data/ferPlusModes.ts';
import { AUGMENTATIONS } from '../engine/augment.ts';
import { OPTIMIZER_DEFAULTS, type OptimizerName, UNDECAYED } from '../optim/optimizers.ts';
import { SCHEDULERS } from '../optim/schedules.ts';
import { type ConfigOf, group, option, required, variant } from './option.ts';
import { RUN_NAME, shared } from './shared.ts';
import { bool, choice, float, int, several, text } from './value.ts';

export const OPTIMIZERS = Object.keys(OPTIMIZER_DEFAULTS) as OptimizerName[];
/** Stand for the optimizer's own value: numbers that nobody could mean. */
const AUTO_ABOVE_ZERO = { auto: 0 } as const;
const AUTO_FROM_ZERO = { auto: -1 } as const;

/** What `auto` stands for: `0.1 for sgd, asgd; 1 for adadelta; else 0.01`. */
function autoText(key: 'lr' | 'weight_decay' | 'eps' | 'ema'): string {
  const byValue = new Map<number, OptimizerName[]>();
  for (const name of OPTIMIZERS) {
    const value = OPTIMIZER_DEFAULTS[name][key];
    byValue.set(value, [...(byValue.get(value) ?? []), name]);
  }
  const show = (value: number): string => (value > 0 && value < 1e-3 ? value.toExponential() : String(value));
  const [[most], ...others] = [...byValue].sort(([, a], [, b]) => b.length - a.length);
  const named = others.map(([value, names]) => `${show(value)} for ${names.join(', ')}; `);
  return `auto is ${named.join('')}else ${show(most)}`;
}

/** What an optimizer is told; names and defaults are PyTorch's where it has them. */
export const optimizerOptions = group('Optimizer', {
  optimizer: option(
    choice(OPTIMIZERS, {
      nesterov: 'sgd_nesterov',
      momentum: 'sgd_momentum',
      amsgrad: 'adam_amsgrad',
      averaged_sgd: 'asgd',
    }),
    'sgd_nesterov',
    'the best of the seven compared in the paper',
  ),
  momentum: option(
    float({ min: 0, below: 1 }),
    0.9,
    'sgd_momentum and sgd_nesterov: share of the last step kept',
  ),
  weight_decay: option(
    float({ min: 0, log: true, words: AUTO_FROM_ZERO }),
    AUTO_FROM_ZERO.auto,
    `pull of every parameter towards zero, added to its gradient (adamw: apart from it); ${autoText('weight_decay')}`,
  ),
  no_decay: option(
    several(UNDECAYED, { none: 'none' }),
    UNDECAYED,
    'parameters without weight decay; norm: those of batch norm, bias: the biases of other layers',
  ),
  beta1: option(float({ min: 0, below: 1 }), 0.9, 'Adam: share of the mean gradient kept'),
  beta2: option(float({ min: 0, below: 1 }), 0.999, 'Adam: share of the mean squared gradient kept'),
  eps: option(
    float({ above: 0, log: true, words: AUTO_ABOVE_ZERO }),
    0,
    `keeps divisions finite; ${autoText('eps')}`,
  ),
  rho: option(float({ min: 0, below: 1 }), 0.9, 'adadelta: share of the mean squares kept'),
  lr_decay: option(float({ min: 0 }), 0, 'adagrad: the rate is divided by 1 + lr_decay·step'),
  ema: option(
    float({ min: 0, below: 1, words: AUTO_FROM_ZERO }),
    AUTO_FROM_ZERO.auto,
    `share kept by a moving average of the weights, which is validated and saved in their place; 0: none; ${autoText('ema')}`,
  ),
  asgd_lambd: option(float({ min: 0 }), 1e-4, 'asgd: decay of the parameters, and of the rate'),
  asgd_alpha: option(
    float({ min: 0 }),
    0.75,
    'asgd: the rate is divided by (1 + lambd·lr·step) to this power',
  ),
  asgd_t0: option(
    int({ min: 0 }),
    1_000_000,
    'asgd: steps before the average starts; until then it is the last weights',
  ),
});

export const trainOptions = {
  ...group('Run', {
    name: required(text(RUN_NAME, 'letters, digits, . _ and -'), 'name of the run: its folder under runs='),
    runs: option(text(), 'runs', 'folder that holds the run folders'),
    recipe: option(choice(['default', 'paper']), 'default', 'set of defaults; keys you give override it'),
    resume: option(bool(), false, 'go on where the run stopped; saved settings hold unless given again'),
    overwrite: option(bool(), false, 'delete a run of the same name first'),
    save_freq: option(
      int({ min: 0 }),
      20,
      'keep the weights of every so many epochs besides last and best; 0: none',
    ),
    restore_epoch: option(
      int({ min: 0 }),
      0,
      'go back to the weights kept after this epoch of the run; later ones move to abandoned/; 0: no',
    ),
    start_epoch: option(
      int({ min: 0 }),
      0,
      'with restore_epoch: the number that the next epoch counts from, no lower; 0: as it says',
    ),
    from: option(
      text(/^/),
      '',
      'start from the weights of this run folder or .safetensors file; network, width and crop_size are its own, but a ' +
        'larger width= adds fresh channels, and another network= takes the layers that both have',
    ),
    curves: option(
      bool(),
      true,
      'draw accuracy, loss and learning rate after every epoch: curves.svg and .png',
    ),
    theme: shared.theme,
    tensorboard: option(bool(), false, 'write event files of TensorBoard to tensorboard/ in the run folder'),
    json: shared.json,
  }),
  ...group('Data', {
    data: shared.data,
    labels: shared.labels,
    ferplus: option(
      choice(FER_PLUS_MODES),
      'majority',
      'labels of FER+ in training: the majority, or one drawn from the votes anew in every epoch',
    ),
    train: option(several(SPLITS), ['Training'], 'splits to learn from'),
    val: option(
      choice([...SPLITS, 'none']),
      'PublicTest',
      'split that schedule, best weights and early stopping look at; none: the last weights are the best',
    ),
    limit: shared.limit,
    class_balance: option(
      float({ min: 0, max: 1 }),
      0,
      'draw images of rare classes more often, those of common ones less; 0: each image once an epoch, 1: all classes ' +
        'alike, 0.5: halfway, by the square root of their sizes',
    ),
    crops: variant<1 | 10>(shared.crops, {
      default: 1,
      help: 'crops an image and step in training; 10 costs ten times as much, as in the paper',
    }),
    augment: option(
      bool(),
      true,
      'draw each image anew in every epoch; without it the network learns by heart',
    ),
    augmentations: option(
      several(AUGMENTATIONS),
      ['crop', 'scale', 'flip', 'rotate'],
      'what augment=true draws: place of the crop, scale, shift, mirror, turn, erased box; all suit long runs',
    ),
    mixup: option(
      float({ min: 0, max: 100 }),
      0,
      'blend each sample and its label with another; alpha of the Beta that draws the share of a step; 0: off',
    ),
    cutmix: option(
      float({ min: 0, max: 100 }),
      0,
      'put a box of another sample into each; alpha as for mixup; with both, a step draws one of them; 0: off',
    ),
    eval_crops: variant(shared.crops, { help: 'crops an image in validation, averaged' }),
  }),
  ...group('Teacher', {
    teacher: option(
      text(/^/),
      '',
      'run folder or .safetensors file of a trained network of the same labels, whose answers to the same samples ' +
        'are learned beside the labels (distillation); several, joined by +, have the same say',
    ),
    teacher_share: option(
      float({ above: 0, max: 1 }),
      0.5,
      'part of the teachers in the gradient, the rest is the labels; the loss shown is that of the labels alone',
    ),
    teacher_temperature: option(
      float({ above: 0, max: 1000 }),
      2,
      'what the logits of both sides are divided by: the larger, the more the less likely labels count',
    ),
  }),
  ...group('Network', {
    network: shared.network,
    width: shared.width,
    crop_size: shared.crop_size,
    drop: option(float({ min: 0, below: 1 }), 0.2, 'dropout probability in the linear layers'),
  }),
  ...group('Optimization', {
    n_epochs: option(int({ min: 1, max: 100_000 }), 60, 'passes over the training images'),
    bs: shared.bs,
    lr: option(
      float({ above: 0, log: true, words: AUTO_ABOVE_ZERO }),
      0,
      `highest learning rate: after the warm-up, or the top of one_cycle; ${autoText('lr')}`,
    ),
    label_smoothing: option(
      float({ min: 0, below: 1 }),
      0.1,
      'probability spread over all classes in the target',
    ),
    sam: option(
      float({ min: 0, max: 100 }),
      0,
      'radius of sharpness-aware minimization: each step follows the gradient so far up the slope, which learns wrong ' +
        'labels more slowly and takes twice the time; 0.05 is usual; 0: off',
    ),
    patience: option(int({ min: 0 }), 0, 'stop after so many epochs without a better accuracy; 0: never'),
    seed: option(int({ min: 0, max: 0xffffffff }), 0, 'start of every random draw; same seed, same weights'),
  }),
  ...optimizerOptions,
  ...group('Schedule', {
    scheduler: option(
      choice(SCHEDULERS, {
        none: 'constant',
        steplr: 'step',
        cosine_annealing: 'cosine',
        cosine_wr: 'cosine_warm_restarts',
        onecycle: 'one_cycle',
        warmup_stable_decay: 'wsd',
        trapezoidal: 'wsd',
        reduce_on_plateau: 'plateau',
        rlrop: 'plateau',
      }),
      'cosine',
      'learning rate over time; cosine falls to min_lr over the whole run, wsd over its last decay_epochs; one_cycle ' +
        "leaves momentum as it is, where PyTorch's OneCycleLR cycles it from 0.95 to 0.85 and back by default",
    ),
    warmup: option(
      float({ min: 0 }),
      1,
      'epochs of linear rise before the schedule: large steps from random weights mislead',
    ),
    min_lr: option(float({ min: 0, log: true }), 0, 'where linear, the cosines and wsd end'),
    step_size: option(int({ min: 1 }), 20, 'step: epochs between two cuts'),
    gamma: option(float({ above: 0, max: 1 }), 0.5, 'step: learning rate is multiplied by it at a cut'),
    t_max: option(int({ min: 0 }), 0, 'cosine: epochs from the highest to the lowest rate; 0: the run'),
    t_0: option(int({ min: 1 }), 10, 'cosine_warm_restarts: epochs of the first cycle'),
    t_mult: option(int({ min: 1 }), 1, 'cosine_warm_restarts: each cycle is so many times the last'),
    decay_epochs: option(
      float({ min: 0 }),
      10,
      'wsd: epochs at the end in which the rate falls; until then resume=true n_epochs=... may extend the run',
    ),
    pct_start: option(
      float({ above: 0, below: 1 }),
      0.3,
      'one_cycle: share of the run in which the rate rises',
    ),
    div_factor: option(float({ min: 1, log: true }), 25, 'one_cycle: starts at lr divided by it'),
    final_div_factor: option(float({ min: 1, log: true }), 1e4, 'one_cycle: ends at the start divided by it'),
    plateau_factor: option(float({ above: 0, below: 1 }), 0.75, 'plateau: learning rate is multiplied by it'),
    plateau_patience: option(int({ min: 0 }), 5, 'plateau: epochs without a better accuracy it tolerates'),
  }),
  ...group('Machine', {
    threads: shared.threads,
    device: shared.device,
    precision: shared.precision,
  }),
};

export type TrainConfig = ConfigOf<typeof trainOptions>;

/** What each `recipe=` puts in place of the defaults. */
export const RECIPES = {
  default: {},
  // Khaireddin & Chen, arXiv 2105.03588, with the settings of their released training script.
  paper: {
    optimizer: 'sgd_nesterov',
    momentum: 0.9,
    lr: 0.01,
    weight_decay: 1e-4,
    no_decay: [],
    ema: 0,
    label_smoothing: 0,
    augmentations: AUGMENTATIONS,
    scheduler: 'plateau',
    warmup: 0,
    plateau_factor: 0.75,
    plateau_patience: 5,
    bs: 64,
    crops: 10,
    drop: 0.2,
    n_epochs: 300,
    save_freq: 20,
  },
} as const satisfies Record<string, Partial<TrainConfig>>;

/** The settings whose defaults depend on the optimizer, all left to it. */
export const AUTO_SETTINGS = {
  lr: AUTO_ABOVE_ZERO.auto,
  weight_decay: AUTO_FROM_ZERO.auto,
  eps: AUTO_ABOVE_ZERO.auto,
  ema: AUTO_FROM_ZERO.auto,
} as const;

/** The settings with the optimizer's own values in place of `auto`: what a run works with and saves. */
export function resolveTrainConfig(config: TrainConfig): TrainConfig {
  const own: Record<keyof typeof AUTO_SETTINGS, number> = OPTIMIZER_DEFAULTS[config.optimizer];
  const resolve = (key: keyof typeof AUTO_SETTINGS): number =>
    config[key] === AUTO_SETTINGS[key] ? own[key] : config[key];
  return {
    ...config,
    lr: resolve('lr'),
    weight_decay: resolve('weight_decay'),
    eps: resolve('eps'),
    ema: resolve('ema'),
  };
}
