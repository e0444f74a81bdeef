import { isUsed } from '../config/usedSettings.ts';
import type { TrialSettings } from '../config.ts';
import { csvText } from '../io/csv.ts';
import type { TrialResult } from './result.ts';
import { type Configuration, isDone, type Results } from './search.ts';
import { showSetting } from './trial.ts';

/** A figure over the seeds of a configuration. */
export interface Spread {
  readonly mean: number;
  /** Sample standard deviation; null of a single value. */
  readonly std: number | null;
  /** How many values. */
  readonly n: number;
}

/** What is known of a configuration: a row of `study.csv`. */
export interface Row {
  /** The settings that the study varies, as text; those that have no effect here are left out. */
  readonly settings: Readonly<Record<string, string>>;
  /**
   * `finished`: all its trials are; `paused`: left behind; `unfinished`: not done, and the study is not at its end;
   * `diverged`, `failed`: one of them is.
   */
  readonly state: 'finished' | 'paused' | 'unfinished' | 'diverged' | 'failed';
  /** Trials with a result. */
  readonly seeds: number;
  /** Trials asked for. */
  readonly of: number;
  /** Epochs trained, of the trial with the most. */
  readonly epochs: number;
  /** Best validation accuracy. */
  readonly val: Spread | null;
  /** Accuracy of those weights on the test split. */
  readonly test: Spread | null;
  /** Of all its trials. */
  readonly seconds: number;
  /** Hashes of the trials with a result. */
  readonly trials: readonly string[];
}

/**
 * Rows of the configurations that have any result, the best mean validation accuracy first. Those of which a trial
 * diverged or failed come behind the others: what is left of their seeds is the lucky ones.
 *
 * @param goesOn whether work is due, so that what is not done may yet be
 */
export function summarize(
  configurations: readonly Configuration[],
  keys: readonly (keyof TrialSettings)[],
  results: Results,
  goesOn: boolean,
): Row[] {
  const lost = ({ state }: Row): number => (state === 'diverged' || state === 'failed' ? 1 : 0);
  return configurations
    .flatMap((configuration) => rowOf(configuration, keys, results, goesOn) ?? [])
    .sort((a, b) => lost(a) - lost(b) || (b.val?.mean ?? -1) - (a.val?.mean ?? -1));
}

function rowOf(
  { settings, trials }: Configuration,
  keys: readonly (keyof TrialSettings)[],
  results: Results,
  goesOn: boolean,
): Row | undefined {
  const found = trials.flatMap(({ hash }) => results.get(hash) ?? []);
  if (found.length === 0) return undefined;
  const has = (status: TrialResult['status']): boolean => found.some((result) => result.status === status);
  const done = trials.every(({ hash }) => isDone(results.get(hash), settings.n_epochs));
  const open = goesOn ? 'unfinished' : 'paused';
  const state = has('failed') ? 'failed' : has('diverged') ? 'diverged' : done ? 'finished' : open;
  const used = keys.filter((key) => isUsed(settings, key));
  return {
    settings: Object.fromEntries(used.map((key) => [key, showSetting(settings, key)])),
    state,
    seeds: found.length,
    of: trials.length,
    epochs: Math.max(...found.map(({ accuracies }) => accuracies.length)),
    val: spread(found.flatMap(({ best }) => best?.valAccuracy ?? [])),
    test: spread(found.flatMap(({ test }) => test?.accuracy ?? [])),
    seconds: found.reduce((sum, { seconds }) => sum + seconds, 0),
    trials: found.map(({ trial }) => trial),
  };
}

export function spread(values: readonly number[]): Spread | null {
  const n = values.length;
  if (n === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { mean, std: null, n };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: Math.sqrt(squares / (n - 1)), n };
}

/** `study.csv`: a line a configuration, with all digits; a cell is empty where there is no figure. */
export function studyCsv(rows: readonly Row[], keys: readonly string[]): string {
  const spreadOf = (name: string): string[] => [`${name}_mean`, `${name}_std`, `${name}_n`];
  const head = [
    'rank',
    ...keys,
    'state',
    'seeds',
    'epochs',
    ...spreadOf('val'),
    ...spreadOf('test'),
    'seconds',
  ];
  const lines = rows.map(({ settings, state, seeds, epochs, val, test, seconds }, i) => [
    i + 1,
    ...keys.map((key) => settings[key] ?? ''),
    ...[state, seeds, epochs],
    ...[val, test].flatMap((figure) => [figure?.mean ?? '', figure?.std ?? '', figure?.n ?? '']),
    seconds.toFixed(1),
  ]);
  return csvText([head, ...lines]);
}
