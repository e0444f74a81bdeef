import { isUsed } from '../config/usedSettings.ts';
import { type TrialSettings, type TuneConfig, trialOptions } from '../config.ts';
import type { Dataset } from '../data/dataset.ts';
import { checkCropSize, checkSplits } from '../data/images.ts';
import { UsageError } from '../errors.ts';
import { checkInputSize } from '../nn/networks.ts';
import { programVersion } from '../train/programVersion.ts';
import { type Configurations, variedKeys } from './configurations.ts';
import type { TrialResult } from './result.ts';
import { type Configuration, FullSearch, HalvingSearch, type Results, type Search } from './search.ts';
import type { StudyRecord } from './studyFolder.ts';
import { summarize } from './summary.ts';
import { makeTrial, settingsText, type Trial } from './trial.ts';

/** What the seeds of a study learn from: hash of the data by seed, which differ only where it is drawn. */
export type DataHashes = ReadonlyMap<number, string>;

/** A study that is ready to begin: all its trials, and the order of the work. */
export class Study {
  readonly configurations: readonly Configuration[];
  readonly search: Search;
  /** The settings that vary. */
  readonly keys: readonly (keyof TrialSettings)[];
  readonly #config: TuneConfig;
  readonly #space: Configurations['space'];
  readonly #data: StudyRecord['data'];
  readonly #version = programVersion();

  constructor(config: TuneConfig, configurations: Configurations, data: DataHashes) {
    const { space, settings } = configurations;
    this.#config = config;
    this.#space = space;
    this.#data = { source: config.data, limit: config.limit, hash: data.get(config.seed) ?? '' };
    this.keys = variedKeys(configurations);
    this.configurations = settings.map((first) => ({
      settings: first,
      trials: seedsOf(config).map((seed) => makeTrial({ ...first, seed }, data.get(seed) ?? '')),
    }));
    this.search = this.#makeSearch();
  }

  /** The trial's varied settings, as on the command line. */
  label({ settings }: Pick<Trial, 'settings'>): string {
    const text = settingsText(settings);
    const keys = this.keys.filter((key) => isUsed(settings, key));
    const seed = this.#config.seeds > 1 ? [`seed=${settings.seed}`] : [];
    return [...keys.map((key) => `${key}=${text[key]}`), ...seed].join(' ') || 'the one configuration';
  }

  /** What is known, for `study.json`: the results, and those of earlier that no new one has taken the place of. */
  record(results: Results, earlier: StudyRecord['trials']): StudyRecord {
    const { name, study, recipe, search, trials, reduction, min_epochs, seeds, seed } = this.#config;
    const show = (key: keyof TrialSettings): [string, string] => [key, showValues(this.#space, key)];
    const settings = new Map(
      this.configurations.flatMap(({ trials }) => trials.map((trial) => [trial.hash, trial.settings])),
    );
    const known = new Map(earlier.map((trial) => [trial.trial, trial.settings]));
    const past = earlier.map(({ settings: _, ...result }): [string, TrialResult] => [result.trial, result]);
    const all = new Map(past);
    for (const [hash, result] of results) {
      // What fails or stops in another try, to judge what was trained, does not undo the training.
      if (result.status === 'finished' || all.get(hash)?.status !== 'finished') all.set(hash, result);
    }
    const isFixed = (key: keyof TrialSettings): boolean => key !== 'seed' && !this.keys.includes(key);
    return {
      name,
      ...this.#version,
      data: this.#data,
      search: {
        study,
        recipe,
        search,
        ...(search === 'grid' ? {} : { trials }),
        ...(search === 'asha' ? { reduction, min_epochs } : {}),
        seeds,
        seed,
      },
      varied: Object.fromEntries(this.keys.map(show)),
      fixed: Object.fromEntries((Object.keys(trialOptions) as typeof this.keys).filter(isFixed).map(show)),
      configurations: summarize(this.configurations, this.keys, all, this.search.due(all).length > 0),
      trials: [...all.values()].map((result) => {
        const own = settings.get(result.trial);
        return { ...result, settings: own ? settingsText(own) : known.get(result.trial) };
      }),
    };
  }

  #makeSearch(): Search {
    const { search, reduction, min_epochs, test } = this.#config;
    if (search !== 'asha') return new FullSearch(this.configurations, test);
    const epochs = new Set(this.configurations.map(({ settings }) => settings.n_epochs));
    if (epochs.size > 1) {
      throw new UsageError('fer tune: search=asha decides itself who trains how long: give one n_epochs=.');
    }
    if (min_epochs >= Math.max(...epochs)) {
      throw new UsageError(
        `fer tune: min_epochs=${min_epochs} leaves nothing to save: it must be below n_epochs=${[...epochs][0]}.`,
      );
    }
    return new HalvingSearch(this.configurations, { reduction, minEpochs: min_epochs, test });
  }
}

export function seedsOf({ seed, seeds }: Pick<TuneConfig, 'seed' | 'seeds'>): number[] {
  if (seed + seeds > 2 ** 32) throw new UsageError('fer tune: seed= and seeds= go beyond the largest seed.');
  return Array.from({ length: seeds }, (_, i) => seed + i);
}

/**
 * Refuses data that lacks a split some trial learns from or watches, whose faces are smaller than some trial's
 * crops, and crops that its network halves to nothing, before any trial begins.
 *
 * @throws FerError
 */
export function checkTrialData(dataset: Dataset, settings: readonly TrialSettings[]): void {
  checkSplits(
    dataset,
    new Set(settings.flatMap(({ train, val }) => (val === 'none' ? train : [...train, val]))),
  );
  for (const { network, crop_size } of settings) {
    checkCropSize(crop_size, dataset.size);
    checkInputSize(network, crop_size);
  }
}

function showValues(space: Configurations['space'], key: keyof TrialSettings): string {
  const values = space[key];
  const { show } = trialOptions[key].type;
  return values.kind === 'range'
    ? `${values.low}..${values.high}`
    : values.list.map((value) => show(value as never)).join(',');
}
