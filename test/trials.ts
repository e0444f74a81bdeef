import { defaultsOf } from '../src/config/option.ts';
import { parseArguments } from '../src/config/parse.ts';
import { withoutUnused } from '../src/config/usedSettings.ts';
import { checkTuneConfig, type TrialSettings, trialOptions, tuneOptions } from '../src/config.ts';
import { OPTIMIZER_DEFAULTS } from '../src/optim/optimizers.ts';
import { type Configurations, configurationsOf } from '../src/tune/configurations.ts';
import type { TrialResult } from '../src/tune/result.ts';
import { Study } from '../src/tune/study.ts';
import { makeTrial, type Trial } from '../src/tune/trial.ts';

export const DATA_HASH = 'd'.repeat(64);

/** Settings as `fer train` has them where nothing is given, and some changed. */
export function settingsOf(changed: Partial<TrialSettings> = {}): TrialSettings {
  const own = OPTIMIZER_DEFAULTS.sgd_nesterov;
  const all = { ...defaultsOf(trialOptions), ...own, ...changed };
  return { ...withoutUnused(all), eps: all.eps };
}

export function trialOf(changed: Partial<TrialSettings> = {}): Trial {
  return makeTrial(settingsOf(changed), DATA_HASH);
}

/** The result of a training whose accuracies were these. */
export function resultOf(
  trial: Trial,
  accuracies: readonly number[],
  rest: Partial<TrialResult> = {},
): TrialResult {
  const valAccuracy = Math.max(...accuracies);
  const epoch = accuracies.indexOf(valAccuracy) + 1;
  return {
    trial: trial.hash,
    status: accuracies.length >= trial.settings.n_epochs ? 'finished' : 'paused',
    accuracies,
    best: accuracies.length === 0 ? null : { epoch, valAccuracy, valLoss: 1.5, weights: 'b'.repeat(64) },
    seconds: 10 * accuracies.length,
    host: 'here',
    run: `runs/${trial.hash}`,
    ...rest,
  };
}

/** What the arguments of `fer tune` ask for. */
export function asked(...args: string[]): Configurations & { study: Study } {
  const spec = { name: 'tune', summary: '', options: tuneOptions, check: checkTuneConfig, examples: [] };
  const parsed = parseArguments(spec, ['name=s', 'data=faces.csv', ...args]);
  const configurations = configurationsOf(parsed);
  const { seed, seeds } = parsed.config;
  const hashes = new Map(Array.from({ length: seeds }, (_, i) => [seed + i, DATA_HASH]));
  return { ...configurations, study: new Study(parsed.config, configurations, hashes) };
}
