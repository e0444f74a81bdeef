export const SCHEDULERS = [
  'constant',
  'linear',
  'step',
  'cosine',
  'cosine_warm_restarts',
  'one_cycle',
  'wsd',
  'plateau',
] as const;

/**
 * Learning-rate schedules as pure functions of the step and of what validation showed before it, so that
 * a resumed run computes the same rates from its history. Those that move continuously move with every
 * step: one step an epoch gives PyTorch's rates for a scheduler that is called once an epoch.
 */
export interface ScheduleOptions {
  readonly scheduler: (typeof SCHEDULERS)[number];
  /** Where the schedule starts; the highest rate of `one_cycle`. */
  readonly lr: number;
  readonly n_epochs: number;
  /** Epochs, or parts of one, in which the rate rises linearly to where the schedule starts. */
  readonly warmup: number;
  /** Where `linear`, `cosine`, `cosine_warm_restarts` and `wsd` end. */
  readonly min_lr: number;
  readonly step_size: number;
  readonly gamma: number;
  /** Epochs from the highest to the lowest rate of `cosine`; 0 is the whole run. */
  readonly t_max: number;
  readonly t_0: number;
  readonly t_mult: number;
  /** Epochs, or parts of one, at the end of `wsd` in which the rate falls. */
  readonly decay_epochs: number;
  readonly pct_start: number;
  readonly div_factor: number;
  readonly final_div_factor: number;
  readonly plateau_factor: number;
  readonly plateau_patience: number;
}

/** Where a run stands. */
export interface SchedulePosition {
  /** Updates before this one, over all epochs. */
  readonly step: number;
  readonly stepsPerEpoch: number;
  /** Validation accuracy of every earlier epoch, in percent or as a share: thresholds are relative. */
  readonly accuracies: readonly number[];
}

/** Differences below it do not count as better: PyTorch's default, relative to the best. */
const THRESHOLD = 1e-4;
/** PyTorch leaves a rate alone that would change by less. */
const LEAST_CHANGE = 1e-8;

/** The learning rate of an update. */
export function learningRate(options: ScheduleOptions, position: SchedulePosition): number {
  const { stepsPerEpoch, accuracies } = position;
  const warmup = Math.round(options.warmup * stepsPerEpoch);
  const step = position.step - warmup;
  // A run may end within its warm-up, which then still needs to know where it leads.
  const total = Math.max(1, options.n_epochs * stepsPerEpoch - warmup);
  if (step < 0) return (scheduled(options, 0, total, stepsPerEpoch, []) * (position.step + 1)) / (warmup + 1);
  return scheduled(options, step, total, stepsPerEpoch, accuracies.slice(Math.ceil(options.warmup)));
}

/** The rate after the warm-up, from which `step` and `total` count. */
function scheduled(
  options: ScheduleOptions,
  step: number,
  total: number,
  stepsPerEpoch: number,
  accuracies: readonly number[],
): number {
  const { lr, min_lr: least } = options;
  switch (options.scheduler) {
    case 'constant':
      return lr;
    case 'linear':
      return lr + (least - lr) * Math.min(1, step / total);
    case 'step':
      return lr * options.gamma ** Math.floor(step / (options.step_size * stepsPerEpoch));
    case 'cosine':
      return cosine(lr, least, step / (options.t_max > 0 ? options.t_max * stepsPerEpoch : total));
    case 'cosine_warm_restarts':
      return cosine(lr, least, sinceRestart(step / stepsPerEpoch, options));
    case 'one_cycle':
      return oneCycle(options, step, total);
    case 'wsd':
      return stableThenDecay(options, step, total, stepsPerEpoch);
    case 'plateau':
      return plateau(options, accuracies);
    default:
      throw new Error(`unknown scheduler ${options.scheduler satisfies never}`);
  }
}

/** Half a cosine from `from` at 0 to `to` at 1, and back, and so on. */
function cosine(from: number, to: number, share: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2;
}

/** How much of the cycle under way is over; the first lasts t_0 epochs, each later one t_mult times as long. */
function sinceRestart(epochs: number, { t_0, t_mult }: ScheduleOptions): number {
  let length = t_0;
  let left = epochs;
  while (left >= length) {
    left -= length;
    length *= t_mult;
  }
  return left / length;
}

/** OneCycleLR with cosine annealing: from lr / div_factor up to lr, then far below where it came from. */
function oneCycle(
  { lr, pct_start, div_factor, final_div_factor }: ScheduleOptions,
  step: number,
  total: number,
): number {
  const first = lr / div_factor;
  const top = Math.max(pct_start * total - 1, 0);
  if (step < top) return cosine(first, lr, step / top);
  const fall = total - 1 - top;
  const share = fall > 0 ? Math.min(1, (step - top) / fall) : Math.sign(step - top);
  return cosine(lr, first / final_div_factor, share);
}

/**
 * Warm-up, stable, decay (Hägele et al. 2024, arXiv 2405.18392): `lr`, but for the last epochs, in which it falls evenly.
 * Until then the rate does not depend on the length of the run, which may so be extended at will.
 */
function stableThenDecay(
  { lr, min_lr, decay_epochs }: ScheduleOptions,
  step: number,
  total: number,
  stepsPerEpoch: number,
): number {
  const decay = Math.min(total, Math.round(decay_epochs * stepsPerEpoch));
  const left = total - step;
  return left < decay ? min_lr + ((lr - min_lr) * Math.max(0, left)) / decay : lr;
}

/** ReduceLROnPlateau(mode='max'): after more than `patience` epochs without a better value, times factor. */
function plateau(
  { lr, plateau_factor, plateau_patience }: ScheduleOptions,
  values: readonly number[],
): number {
  let best = Number.NEGATIVE_INFINITY;
  let bad = 0;
  let rate = lr;
  for (const value of values) {
    if (value > best * (1 + THRESHOLD) || best === Number.NEGATIVE_INFINITY) {
      best = value;
      bad = 0;
    } else bad++;
    if (bad > plateau_patience) {
      const lower = rate * plateau_factor;
      if (rate - lower > LEAST_CHANGE) rate = lower;
      bad = 0;
    }
  }
  return rate;
}
