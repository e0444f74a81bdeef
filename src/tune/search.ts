import type { TrialSettings } from '../config.ts';
import { bestWithin, isUnjudged, type TrialResult } from './result.ts';
import type { Trial } from './trial.ts';

/** What is known of the trials so far, by hash. */
export type Results = ReadonlyMap<string, TrialResult>;

/** Settings that are compared, trained once with each seed. */
export interface Configuration {
  /** With the first seed. */
  readonly settings: TrialSettings;
  /** One for each seed. */
  readonly trials: readonly Trial[];
}

/** A piece of work: a trial is brought to a number of epochs. */
export interface Order {
  readonly trial: Trial;
  readonly epochs: number;
  /** Orders with a higher one are carried out first. */
  readonly priority: number;
}

/** Which work is due, decided from the results alone: a study that was stopped comes to the same. */
export interface Search {
  /** Work that can begin now and is not done, in order. */
  due(results: Results): Order[];
  /** Epochs of the work that will follow what is due: who does it is not decided yet. */
  awaited(results: Results): number;
  /** Epochs of all that will be done, as far as can be told. */
  readonly epochs: number;
  /** Trials that will be begun. */
  readonly trials: number;
}

/** Whether a trial needs no more work to have been trained so far; one that failed may yet be tried again. */
export function isDone(result: TrialResult | undefined, epochs: number): boolean {
  if (result === undefined) return false;
  return result.status !== 'paused' || result.accuracies.length >= epochs;
}

/** Every trial to its end: grid and random search. */
export class FullSearch implements Search {
  readonly epochs: number;
  readonly trials: number;
  readonly #orders: readonly Order[];
  readonly #test: boolean;

  /** @param test whether trials are judged on the test split too: those that never were are due once more */
  constructor(configurations: readonly Configuration[], test = false) {
    this.#test = test;
    // Seed by seed: a study stopped early has compared all configurations.
    const seeds = Math.max(...configurations.map(({ trials }) => trials.length));
    this.#orders = Array.from({ length: seeds }, (_, seed) =>
      configurations.map(({ trials }) => {
        const trial = trials[seed];
        return { trial, epochs: trial.settings.n_epochs, priority: 0 };
      }),
    ).flat();
    this.trials = this.#orders.length;
    this.epochs = this.#orders.reduce((sum, { epochs }) => sum + epochs, 0);
  }

  due(results: Results): Order[] {
    return this.#orders.filter(({ trial, epochs }) => {
      const result = results.get(trial.hash);
      return !isDone(result, epochs) || (this.#test && isUnjudged(result));
    });
  }

  awaited(): number {
    return 0;
  }
}

export interface HalvingOptions {
  /** One configuration in so many goes on. */
  readonly reduction: number;
  /** Epochs of the first rung. */
  readonly minEpochs: number;
  /** Whether trials are judged on the test split too: those that never were are due once more. */
  readonly test?: boolean;
}

/** Configurations trained for the same number of epochs. */
interface Rung {
  readonly epochs: number;
  /** How many configurations come so far, if none fails. */
  readonly size: number;
}

/**
 * Successive halving (Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020). All
 * configurations train for a few epochs, the best share of them for `reduction` times as many, and so on.
 *
 * Theirs promotes whatever is among the best so far, so that the outcome depends on who came first. Here a
 * configuration goes on as soon as no result that is still to come can push it out of the best: workers
 * seldom wait, and the outcome is that of waiting for all.
 */
export class HalvingSearch implements Search {
  readonly epochs: number;
  readonly trials: number;
  readonly rungs: readonly Rung[];
  readonly #configurations: readonly Configuration[];
  readonly #test: boolean;

  constructor(
    configurations: readonly Configuration[],
    { reduction, minEpochs, test = false }: HalvingOptions,
  ) {
    this.#configurations = configurations;
    this.#test = test;
    const last = configurations[0].settings.n_epochs;
    const rungs: Rung[] = [];
    let size = configurations.length;
    for (let epochs = minEpochs; epochs < last; epochs *= reduction) {
      rungs.push({ epochs, size });
      size = Math.max(1, Math.floor(size / reduction));
    }
    this.rungs = [...rungs, { epochs: last, size }];
    const seeds = configurations[0].trials.length;
    this.trials = seeds * configurations.length;
    this.epochs = this.rungs.reduce((sum, { size }, r) => sum + size * this.#climb(r), 0);
  }

  due(results: Results): Order[] {
    return this.#look(results).orders;
  }

  awaited(results: Results): number {
    return this.#look(results).awaitedEpochs;
  }

  /** Epochs from the rung before to this one, of all seeds of a configuration. */
  #climb(rung: number): number {
    const [{ trials }] = this.#configurations;
    return trials.length * (this.rungs[rung].epochs - (this.rungs[rung - 1]?.epochs ?? 0));
  }

  #look(results: Results): { orders: Order[]; awaitedEpochs: number } {
    const orders = this.#test ? this.#unjudged(results) : [];
    let awaitedEpochs = 0;
    let members = this.#configurations;
    /** Configurations that may yet come so far, beside the members. */
    let awaited = 0;
    this.rungs.forEach(({ epochs }, r) => {
      awaitedEpochs += awaited * this.#climb(r);
      const isMissing = ({ hash }: Trial): boolean => !isDone(results.get(hash), epochs);
      const ended = members.filter(({ trials }) => !trials.some(isMissing));
      for (const { trials } of members) {
        orders.push(...trials.filter(isMissing).map((trial) => ({ trial, epochs, priority: r })));
      }
      const wanted = this.rungs[r + 1]?.size ?? 0;
      const missing = members.length - ended.length + awaited;
      members = best(ended, epochs, results).slice(0, Math.max(0, wanted - missing));
      awaited = missing === 0 ? 0 : wanted - members.length;
    });
    // Those that are ahead first: their results decide most.
    return { orders: orders.sort((a, b) => b.priority - a.priority), awaitedEpochs };
  }

  /** To their end, where they are: the weights that are to be judged may have to be trained anew. */
  #unjudged(results: Results): Order[] {
    const priority = this.rungs.length - 1;
    const { epochs } = this.rungs[priority];
    return this.#configurations
      .flatMap(({ trials }) => trials)
      .filter(({ hash }) => isUnjudged(results.get(hash)))
      .map((trial) => ({ trial, epochs, priority }));
  }
}

/** Configurations by their score after so many epochs; those that did not get there are left out. */
function best(configurations: readonly Configuration[], epochs: number, results: Results): Configuration[] {
  return configurations
    .map((configuration) => ({ configuration, score: scoreAt(configuration, epochs, results) }))
    .filter(({ score }) => score > Number.NEGATIVE_INFINITY)
    .sort((a, b) => b.score - a.score)
    .map(({ configuration }) => configuration);
}

/** Mean over the seeds of the best validation accuracy by an epoch; lowest of all if one did not get there. */
export function scoreAt({ trials }: Configuration, epochs: number, results: Results): number {
  const scores = trials.map(({ hash }) => {
    const result = results.get(hash);
    return (result && bestWithin(result, epochs)) ?? Number.NEGATIVE_INFINITY;
  });
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}
