import { describe, expect, test } from 'vitest';
import { type TrialSettings, trialOptions } from '../config.ts';
import { keyOf, permutation } from '../engine/random.ts';
import type { TrialResult } from './result.ts';
import { type Configuration, FullSearch, HalvingSearch, isDone, type Order, type Search } from './search.ts';
import { makeTrial } from './trial.ts';

const defaults = Object.fromEntries(
  Object.entries(trialOptions).map(([key, option]) => [key, option.default]),
) as unknown as TrialSettings;

/** n configurations of so many epochs that differ in their rate. */
function configurations(n: number, epochs: number, seeds = 1): Configuration[] {
  return Array.from({ length: n }, (_, i) => {
    const settings = { ...defaults, n_epochs: epochs, lr: 0.001 * (i + 1) };
    const trials = Array.from({ length: seeds }, (_, seed) => makeTrial({ ...settings, seed }, 'data'));
    return { settings, trials };
  });
}

/** The outcome of a made-up training: some curves rise early, some late. */
function outcome({ trial, epochs }: Order, diverges = false): TrialResult {
  const key = keyOf(Number.parseInt(trial.hash.slice(0, 8), 16));
  const height = (key % 1000) / 1000;
  const speed = 1 + (key % 7);
  const accuracies = Array.from({ length: epochs }, (_, e) => height * (1 - Math.exp(-(e + 1) / speed)));
  return {
    trial: trial.hash,
    status: diverges ? 'diverged' : epochs === trial.settings.n_epochs ? 'finished' : 'paused',
    accuracies: diverges ? accuracies.slice(0, -1) : accuracies,
    best: null,
    seconds: 1,
    host: 'here',
    run: 'x',
  };
}

interface Played {
  /** The work done, in the order of its end. */
  readonly done: string[];
  readonly results: Map<string, TrialResult>;
  /** Times that fewer pieces were under way than could be. */
  readonly idle: number;
}

/** Carries a search out with so many trials at a time, which end in a random order. */
function play(search: Search, jobs: number, seed: number, diverges = (_: Order): boolean => false): Played {
  const results = new Map<string, TrialResult>();
  const running: Order[] = [];
  const done: string[] = [];
  let idle = 0;
  for (let step = 0; ; step++) {
    const busy = new Set(running.map(({ trial }) => trial.hash));
    const due = search.due(results).filter(({ trial }) => !busy.has(trial.hash));
    running.push(...due.slice(0, jobs - running.length));
    if (running.length === 0) return { done, results, idle };
    if (running.length < jobs) idle++;
    const [order] = running.splice(permutation(keyOf(seed, step), running.length)[0], 1);
    results.set(order.trial.hash, outcome(order, diverges(order)));
    done.push(`${order.trial.hash} ${order.epochs}`);
  }
}

describe('grid and random search', () => {
  test('every trial once, all configurations with one seed before the next', () => {
    const all = configurations(3, 5, 2);
    const search = new FullSearch(all);
    const { done, results } = play(search, 1, 0);
    const seeds = search.due(new Map()).map(({ trial }) => trial.settings.seed);
    expect(seeds).toEqual([0, 0, 0, 1, 1, 1]);
    expect(new Set(done).size).toBe(6);
    expect(results.size).toBe(6);
    expect([search.trials, search.epochs]).toEqual([6, 30]);
  });

  test('only what is missing when it is widened', () => {
    const { results } = play(new FullSearch(configurations(3, 5, 1)), 2, 0);
    const wider = new FullSearch(configurations(4, 5, 2));
    expect(wider.due(results)).toHaveLength(5);
  });
});

describe('successive halving', () => {
  const options = { reduction: 3, minEpochs: 1 };
  const epochsOf = (done: readonly string[], epochs: number) =>
    done.filter((line) => line.endsWith(` ${epochs}`)).sort();

  test('rungs', () => {
    const search = new HalvingSearch(configurations(27, 20), options);
    expect(search.rungs).toEqual([
      { epochs: 1, size: 27 },
      { epochs: 3, size: 9 },
      { epochs: 9, size: 3 },
      { epochs: 20, size: 1 },
    ]);
    expect(search.epochs).toBe(27 * 1 + 9 * 2 + 3 * 6 + 11);
  });

  test('the best of each rung go on', () => {
    const all = configurations(9, 9);
    const { done, results } = play(new HalvingSearch(all, options), 1, 0);
    const at = (epochs: number) => (configuration: Configuration) =>
      results.get(configuration.trials[0].hash)?.accuracies[epochs - 1] ?? 0;
    const first = [...all].sort((a, b) => at(1)(b) - at(1)(a)).slice(0, 3);
    const second = [...first].sort((a, b) => at(3)(b) - at(3)(a)).slice(0, 1);
    const names = (some: Configuration[], epochs: number) =>
      some.map(({ trials }) => `${trials[0].hash} ${epochs}`).sort();
    expect(epochsOf(done, 1)).toEqual(names(all, 1));
    expect(epochsOf(done, 3)).toEqual(names(first, 3));
    expect(epochsOf(done, 9)).toEqual(names(second, 9));
    expect(done).toHaveLength(13);
  });

  test('the outcome does not depend on the number of jobs and on who ends first', () => {
    const all = configurations(20, 12, 2);
    const { done } = play(new HalvingSearch(all, options), 1, 0);
    for (const jobs of [1, 3, 8, 40]) {
      for (const seed of [1, 2, 3]) {
        const other = play(new HalvingSearch(all, options), jobs, seed);
        expect([...other.done].sort(), `${jobs} jobs`).toEqual([...done].sort());
      }
    }
  });

  test('a configuration goes on before its rung is complete', () => {
    const search = new HalvingSearch(configurations(9, 9), options);
    const results = new Map<string, TrialResult>();
    const first = search.due(results);
    let early = 0;
    for (const order of first) {
      results.set(order.trial.hash, outcome(order));
      if (search.due(results).some(({ epochs }) => epochs === 3) && results.size < 9) early++;
    }
    expect(early).toBeGreaterThan(0);
    // Nobody can be certain before at most two can still come in between.
    expect(early).toBeLessThanOrEqual(2);
  });

  test('those that are ahead are first in line', () => {
    const search = new HalvingSearch(configurations(9, 9), options);
    const results = new Map<string, TrialResult>();
    for (const order of search.due(results).slice(0, 8)) results.set(order.trial.hash, outcome(order));
    expect(search.due(results).map(({ priority }) => priority)).toEqual([1, 1, 0]);
  });

  test('the diverged leave their place to others that are there, and the study ends', () => {
    const all = configurations(9, 9);
    const good = play(new HalvingSearch(all, options), 2, 0);
    const winner = epochsOf(good.done, 9)[0].split(' ')[0];
    const { done } = play(
      new HalvingSearch(all, options),
      2,
      0,
      ({ trial, epochs }) => trial.hash === winner && epochs > 1,
    );
    // It was one of the three, fell out there, and the best of the other two won.
    expect(epochsOf(done, 3)).toEqual(epochsOf(good.done, 3));
    expect(epochsOf(done, 9)).toHaveLength(1);
    expect(epochsOf(done, 9)[0]).not.toContain(winner);
    const none = play(new HalvingSearch(all, options), 2, 0, () => true);
    expect(none.done).toHaveLength(9);
  });

  test('more configurations leave the work of before as it is', () => {
    const { results } = play(new HalvingSearch(configurations(9, 9), options), 1, 0);
    const wider = new HalvingSearch(configurations(18, 9), options);
    expect(wider.due(results).filter(({ epochs }) => epochs === 1)).toHaveLength(9);
  });
});

test('a trial is done when it has its epochs or can have no more', () => {
  const [{ trials }] = configurations(1, 9);
  const result = outcome({ trial: trials[0], epochs: 3, priority: 0 });
  expect(isDone(undefined, 1)).toBe(false);
  expect([3, 4].map((epochs) => isDone(result, epochs))).toEqual([true, false]);
  for (const status of ['finished', 'diverged', 'failed'] as const) {
    expect(isDone({ ...result, status }, 9), status).toBe(true);
  }
});

test('finished trials that are to be judged and never were are due to their end', () => {
  const all = configurations(9, 9);
  const options = { reduction: 3, minEpochs: 1 };
  const { results } = play(new HalvingSearch(all, options), 1, 0);
  const ended = [...results.values()].find(({ status }) => status === 'finished');
  expect(new HalvingSearch(all, options).due(results)).toEqual([]);
  for (const search of [new HalvingSearch(all, { ...options, test: true }), new FullSearch(all, true)]) {
    const due = search.due(results).filter(({ trial }) => results.get(trial.hash)?.status === 'finished');
    expect(due.map(({ trial, epochs }) => [trial.hash, epochs])).toEqual([[ended?.trial, 9]]);
  }
  for (const [hash, result] of results) {
    if (result.status === 'finished') results.set(hash, { ...result, test: null });
  }
  expect(new HalvingSearch(all, { ...options, test: true }).due(results)).toEqual([]);
});
