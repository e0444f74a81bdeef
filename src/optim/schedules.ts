/**
 * Learning-rate schedules as pure functions of the epoch and of what validation showed before it, so that
 * a resumed run computes the same rates from its history.
 */
export interface ScheduleOptions {
  readonly scheduler: 'constant' | 'plateau';
  readonly lr: number;
  readonly plateau_factor: number;
  readonly plateau_patience: number;
}

/** Differences below it do not count as better: PyTorch's default, relative to the best. */
const THRESHOLD = 1e-4;
/** PyTorch leaves a rate alone that would change by less. */
const LEAST_CHANGE = 1e-8;

/**
 * The learning rate of epoch `accuracies.length`, counted from 0.
 *
 * @param accuracies validation accuracy of every earlier epoch, in percent as PyTorch's users pass it or as
 *   a share: the threshold is relative
 */
export function learningRate(options: ScheduleOptions, accuracies: readonly number[]): number {
  switch (options.scheduler) {
    case 'constant':
      return options.lr;
    case 'plateau':
      return plateau(options, accuracies);
    default:
      throw new Error(`unknown scheduler ${options.scheduler satisfies never}`);
  }
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
