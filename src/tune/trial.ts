import { createHash } from 'node:crypto';
import { defaultsOf } from '../config/option.ts';
import { type TrainConfig, type TrialSettings, trainOptions, trialOptions } from '../config.ts';
import { FerError } from '../errors.ts';

/**
 * Raise it when the same settings come to train otherwise (more than rounding, in which machines differ too):
 * results of before are then not taken for those of now.
 */
export const OUTCOMES = 1;

/** One training of a study. */
export interface Trial {
  /** Names the outcome: the same settings on the same data have the same one in every study. */
  readonly hash: string;
  /** With every `auto` resolved, and unused settings at their defaults. */
  readonly settings: TrialSettings;
  /** Hash of the dataset's content. */
  readonly data: string;
}

/** Settings that came later: at their defaults they are no part of a trial's name, which is then that of before. */
const LATER: readonly (keyof TrialSettings)[] = ['class_balance'];

const KEYS = Object.keys(trialOptions).sort() as (keyof TrialSettings)[];

/** The settings, those that are one of a list with their list. */
const KNOWN = KEYS.map((key) => [key, ...(trialOptions[key].type.choices ?? [])].join(' '));
/** The same for all programs that mean the same by a trial: how they train, and which settings and values there are. */
export const KIND = `${OUTCOMES}-${createHash('sha256').update(KNOWN.join()).digest('hex').slice(0, 8)}`;

export function makeTrial(settings: TrialSettings, data: string): Trial {
  return { hash: trialHash(settings, data), settings, data };
}

/** 16 hexadecimal digits of the SHA-256 of all that the outcome depends on. */
export function trialHash(settings: TrialSettings, data: string): string {
  const identifying = KEYS.filter(
    (key) => !LATER.includes(key) || settings[key] !== trialOptions[key].default,
  );
  const lines = identifying.map((key) => `${key}=${showSetting(settings, key)}`);
  const identity = [`fer trial ${OUTCOMES}`, `data=${data}`, ...lines].join('\n');
  return createHash('sha256').update(identity).digest('hex').slice(0, 16);
}

/** Settings as `fer train` takes them; reading them gives the same values. */
export function settingsText(settings: TrialSettings): Record<string, string> {
  return Object.fromEntries(KEYS.map((key) => [key, showSetting(settings, key)]));
}

export function showSetting(settings: TrialSettings, key: keyof TrialSettings): string {
  return trialOptions[key].type.show(settings[key] as never);
}

/**
 * Settings from text that anybody may have written.
 *
 * @param from what is told in a message: a file, a job
 * @throws FerError if a setting is missing, unknown or of a wrong value
 */
export function parseSettings(given: unknown, from: string): TrialSettings {
  if (typeof given !== 'object' || given === null) throw new FerError(`${from} has no settings`);
  const unknown = Object.keys(given).find((key) => !Object.hasOwn(trialOptions, key));
  if (unknown !== undefined) {
    throw new FerError(`${from} has the setting ${JSON.stringify(unknown)}, which no trial has`);
  }
  const settings: Record<string, unknown> = {};
  for (const key of KEYS) {
    const text = Object.hasOwn(given, key) ? (given as Record<string, unknown>)[key] : undefined;
    const value = typeof text === 'string' ? trialOptions[key].type.parse(text) : undefined;
    if (value === undefined) {
      throw new FerError(
        `${from}: ${key} is ${JSON.stringify(text)?.slice(0, 80)}; it must be ${trialOptions[key].type.expects}`,
      );
    }
    settings[key] = value;
  }
  return settings as TrialSettings;
}

/** The configuration of `fer train` that is this trial, in the folder `runs`/`hash`. */
export function trainConfigOf(
  { hash, settings }: Pick<Trial, 'hash' | 'settings'>,
  place: { runs: string; data: string; limit: number; threads: number; resume: boolean },
): TrainConfig {
  // Weights of epochs in between and curves are of no use to a study, which has many runs and its own figures.
  return {
    ...defaultsOf(trainOptions),
    ...settings,
    ...place,
    name: hash,
    save_freq: 0,
    curves: false,
  } as TrainConfig;
}
