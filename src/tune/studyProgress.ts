import { percent } from '../term/numbers.ts';
import { formatDuration } from '../term/progress.ts';
import type { EpochReport } from './runner.ts';
import type { Order, Results } from './search.ts';
import type { Study } from './study.ts';
import { meanText } from './studyTable.ts';
import { type Row, summarize } from './summary.ts';

/** Configurations and trials under way that are shown at most. */
const BEST = 5;
const RUNNING = 8;
const BAR = 24;

/** How far a study is. */
interface Standing {
  /** Epochs of all trials. */
  readonly trained: number;
  /** Epochs still to be trained, as far as can be told. */
  readonly missing: number;
  /** Trials with a result of which no more is asked for now. */
  readonly ended: number;
}

/** What the terminal is told of a study under way. */
export class StudyProgress {
  readonly #study: Study;
  readonly #results: Results;
  readonly #running = new Map<string, { order: Order; report?: EpochReport }>();
  readonly #now: () => number;
  readonly #start: number;
  /** Epochs that were there already. */
  readonly #before: number;
  #rows: readonly Row[];

  /** @param results the study's own, which grow while it runs */
  constructor(study: Study, results: Results, now = () => performance.now() / 1000) {
    this.#study = study;
    this.#results = results;
    this.#now = now;
    this.#start = now();
    this.#rows = this.#summary();
    this.#before = this.#standing().trained;
  }

  started(order: Order): void {
    this.#running.set(order.trial.hash, { order });
  }

  epoch(order: Order, report: EpochReport): void {
    this.#running.set(order.trial.hash, { order, report });
  }

  ended(order: Order): void {
    this.#running.delete(order.trial.hash);
    this.#rows = this.#summary();
  }

  /** Trials with a result of which no more is asked for now, of all that will be begun. */
  get count(): string {
    return this.#countText(this.#standing());
  }

  /** `12m 30s left`, from the epochs that ended since the start; empty while nothing is known. */
  get left(): string {
    return this.#leftText(this.#standing());
  }

  #countText({ ended }: Standing): string {
    return `${ended}/${this.#study.search.trials}`;
  }

  #leftText({ trained, missing }: Standing): string {
    const since = trained - this.#before;
    if (since <= 0 || missing <= 0) return '';
    return `${formatDuration((missing * (this.#now() - this.#start)) / since)} left`;
  }

  /** How far it is, the best so far, and the trials under way. */
  lines(): string[] {
    const standing = this.#standing();
    const share = Math.min(1, Math.max(0, 1 - standing.missing / this.#study.search.epochs));
    const filled = Math.round(share * BAR);
    const bar = '█'.repeat(filled) + '░'.repeat(BAR - filled);
    const head = [
      `${bar} ${Math.floor(100 * share)}%`,
      `${this.#countText(standing)} trials`,
      this.#leftText(standing),
    ];
    const best = this.#rows.slice(0, BEST).flatMap(({ val, of, settings, epochs }, i) => {
      const text = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
      return val ? [`  ${i + 1}. ${meanText(val, of)}  ${text.join(' ')}  (${epochs} epochs)`] : [];
    });
    const running = [...this.#running.values()].map(({ order, report }) => {
      const at = report
        ? `epoch ${report.epoch}/${order.epochs}  ${percent(report.accuracy)}`
        : 'no epoch yet';
      return `  ${this.#study.label(order.trial)}  ${at}`;
    });
    const hidden = running.length - RUNNING;
    return [
      head.filter(Boolean).join('  '),
      ...(best.length > 0 ? ['best so far', ...best] : []),
      ...(running.length > 0 ? ['under way', ...running.slice(0, RUNNING)] : []),
      ...(hidden > 0 ? [`  and ${hidden} more`] : []),
    ];
  }

  #summary(): readonly Row[] {
    return summarize(this.#study.configurations, this.#study.keys, this.#results, true);
  }

  #standing(): Standing {
    const { search, configurations } = this.#study;
    const due = new Map(search.due(this.#results).map(({ trial, epochs }) => [trial.hash, epochs]));
    let [trained, missing, ended] = [0, search.awaited(this.#results), 0];
    for (const { hash } of configurations.flatMap(({ trials }) => trials)) {
      const result = this.#results.get(hash);
      const epochs = due.get(hash);
      if (result && epochs === undefined) ended++;
      // One that is due though it is finished may have to be trained anew.
      const known = epochs !== undefined && result?.status === 'finished' ? 0 : result?.accuracies.length;
      const soFar = Math.max(known ?? 0, this.#running.get(hash)?.report?.epoch ?? 0);
      trained += soFar;
      missing += Math.max(0, (epochs ?? 0) - soFar);
    }
    return { trained, missing, ended };
  }
}
