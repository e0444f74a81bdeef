import { type TrialSettings, trialOptions } from './studies.ts';
import { TRAIN_NEEDS } from './trainingChecks.ts';
import { hasEffect } from './unused.ts';

/** Whether a setting has any effect beside the others. */
export function isUsed(settings: TrialSettings, key: keyof TrialSettings): boolean {
  return hasEffect(TRAIN_NEEDS, settings, key);
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
