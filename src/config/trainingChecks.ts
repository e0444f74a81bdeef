/** Combinations of training settings that cannot be meant, and settings that have no effect beside the others. */
import { SPLITS } from '../data/dataset.ts';
import { UsageError } from '../errors.ts';
import { OPTIMIZERS, resolveTrainConfig, type TrainConfig } from './training.ts';
import { hasEffect, type Needs, refuseWithoutEffect } from './unused.ts';

const optimizer = (...values: TrainConfig['optimizer'][]) => ({ of: 'optimizer', values }) as const;
const scheduler = (...values: TrainConfig['scheduler'][]) => ({ of: 'scheduler', values }) as const;

/** What the settings of a training need to have any effect, where they have not always one. */
export const TRAIN_NEEDS = {
  theme: { of: 'curves', values: [true] },
  ferplus: { of: 'labels' },
  augmentations: { of: 'augment', values: [true] },
  eval_crops: { of: 'val', values: SPLITS },
  teacher_share: { of: 'teacher' },
  teacher_temperature: { of: 'teacher' },
  momentum: optimizer('sgd_momentum', 'sgd_nesterov'),
  beta1: optimizer('adam', 'adam_amsgrad', 'adamw'),
  beta2: optimizer('adam', 'adam_amsgrad', 'adamw'),
  eps: optimizer('adam', 'adam_amsgrad', 'adamw', 'adadelta', 'adagrad'),
  rho: optimizer('adadelta'),
  lr_decay: optimizer('adagrad'),
  // It keeps an average of its own.
  ema: optimizer(...OPTIMIZERS.filter((name) => name !== 'asgd')),
  asgd_lambd: optimizer('asgd'),
  asgd_alpha: optimizer('asgd'),
  asgd_t0: optimizer('asgd'),
  min_lr: scheduler('linear', 'cosine', 'cosine_warm_restarts', 'wsd'),
  decay_epochs: scheduler('wsd'),
  step_size: scheduler('step'),
  gamma: scheduler('step'),
  t_max: scheduler('cosine'),
  t_0: scheduler('cosine_warm_restarts'),
  t_mult: scheduler('cosine_warm_restarts'),
  pct_start: scheduler('one_cycle'),
  div_factor: scheduler('one_cycle'),
  final_div_factor: scheduler('one_cycle'),
  plateau_factor: scheduler('plateau'),
  plateau_patience: scheduler('plateau'),
} satisfies Needs<TrainConfig>;

/**
 * Combinations of training settings that cannot be meant.
 *
 * @param typed the keys that somebody wrote: a default is no mistake, nor is what a recipe or a saved run says
 * @throws UsageError
 */
export function checkTrainConfig(config: TrainConfig, typed: ReadonlySet<string>): void {
  if (config.val === 'none') checkWithoutValidation(config);
  else if (config.train.includes(config.val)) {
    throw new UsageError(
      `train=${config.train.join('+')} contains val=${config.val}: accuracy on images the network learned from ` +
        'says nothing. Choose another split for one of them, or give val=none to train without validation.',
    );
  }
  if (config.ferplus === 'soft' && config.labels === '') {
    throw new UsageError('ferplus=soft is about the votes of FER+: give labels=fer2013new.csv too.');
  }
  if (config.optimizer === 'asgd' && config.ema > 0) {
    throw new UsageError(
      `optimizer=asgd keeps an average of its own, so ema=${config.ema} has no place: give one of them.`,
    );
  }
  if (config.optimizer === 'sgd_nesterov' && config.momentum === 0) {
    throw new UsageError('optimizer=sgd_nesterov needs momentum > 0: give momentum=0.9, or optimizer=sgd.');
  }
  const { lr } = resolveTrainConfig(config);
  if (config.min_lr > lr && hasEffect(TRAIN_NEEDS, config, 'min_lr')) {
    throw new UsageError(
      `min_lr=${config.min_lr} is above lr=${lr}, the highest rate: give a lower min_lr=, or a higher lr=.`,
    );
  }
  // Who passes a whole configuration on, as a program may, has chosen nothing in it.
  const whole = Object.keys(TRAIN_NEEDS).every((key) => typed.has(key));
  if (!whole) refuseWithoutEffect(TRAIN_NEEDS, config, typed);
}

/**
 * The same for what was given on a command line; a run that goes on has saved settings under the given ones, and is
 * checked when they are known.
 *
 * @throws UsageError
 */
export function checkTrainArguments(config: TrainConfig, typed: ReadonlySet<string>): void {
  if (config.resume && config.overwrite) {
    throw new UsageError('resume=true goes on with a run and overwrite=true deletes it: give one of them.');
  }
  if (config.resume || config.restore_epoch > 0) return;
  checkTrainConfig(config, typed);
}

/** Refuses what would look at the accuracy of a validation that is not done. */
function checkWithoutValidation({ scheduler, patience }: TrainConfig): void {
  const needs =
    scheduler === 'plateau' ? 'scheduler=plateau' : patience > 0 ? `patience=${patience}` : undefined;
  if (needs === undefined) return;
  throw new UsageError(
    `${needs} looks at the accuracy on val=, and val=none has none: leave it out, or choose a split for val=.`,
  );
}
