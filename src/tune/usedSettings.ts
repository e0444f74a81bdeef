import { type TrialSettings, trialOptions } from '../config.ts';

type Uses = (settings: TrialSettings) => boolean;
const optimizer =
  (...names: TrialSettings['optimizer'][]): Uses =>
  (settings) =>
    names.includes(settings.optimizer);
const scheduler =
  (...names: TrialSettings['scheduler'][]): Uses =>
  (settings) =>
    names.includes(settings.scheduler);

/** When a setting has any effect, where it has not always one. */
const USED: { readonly [K in keyof TrialSettings]?: Uses } = {
  augmentations: ({ augment }) => augment,
  momentum: optimizer('sgd_momentum', 'sgd_nesterov'),
  beta1: optimizer('adam', 'adam_amsgrad', 'adamw'),
  beta2: optimizer('adam', 'adam_amsgrad', 'adamw'),
  eps: optimizer('adam', 'adam_amsgrad', 'adamw', 'adadelta', 'adagrad'),
  rho: optimizer('adadelta'),
  lr_decay: optimizer('adagrad'),
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
};

/** Whether a setting has any effect beside the others. */
export function isUsed(settings: TrialSettings, key: keyof TrialSettings): boolean {
  return USED[key]?.(settings) ?? true;
}

/**
 * The same settings with those that have no effect at their defaults: `optimizer=adam` trains the same
 * network with any momentum, and a study trains it once.
 */
export function withoutUnused(settings: TrialSettings): TrialSettings {
  const entries = Object.entries(settings) as [keyof TrialSettings, unknown][];
  return Object.fromEntries(
    entries.map(([key, value]) => [key, isUsed(settings, key) ? value : trialOptions[key].default]),
  ) as TrialSettings;
}
