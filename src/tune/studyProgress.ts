import { formatDuration } from '../term/progress.ts';
import type { EpochReport } from './runner.ts';
import type { Order, Results } from './search.ts';
import type { Study } from './study.ts';
import { percentText } from './studyTable.ts';
import { type Row, summarize } from './summary.ts';

/** Configurations and trials under way that are shown at most. */
const BEST = 5;
const RUNNING = 8;
const BAR = 24;

/** What the terminal is told of a study under way. */
export class StudyProgress {
  readonly #study: Study;
  readonly #results: Results;
  readonly #epochs: number;
  readonly #running = new Map<string, { order: Order; report?: EpochReport }>();
  readonly #now: () => number;
  readonly #start: number;
  /** Epochs that were there already, and those since. */
  readonly #before: number;
  #since = 0;
  #rows: readonly Row[];

  /** @param results the study's own, which grow while it runs */
  constructor(study: Study, results: Results, now = () => performance.now() / 1000) {
    this.#study = study;
    this.#results = results;
    this.#epochs = study.search.epochs;
    this.#now = now;
    this.#start = now();
    this.#rows = this.#summary();
    this.#before = this.#trained();
  }

  started(order: Order): void {
    this.#running.set(order.trial.hash, { order });
  }

  epoch(order: Order, report: EpochReport): void {
    this.#running.set(order.trial.hash, { order, report });
    this.#since++;
  }

  ended(order: Order): void {
    this.#running.delete(order.trial.hash);
    this.#rows = this.#summary();
  }

  /** Trials with a result that asks for no more, of all that will be begun. */
  get count(): string {
    const all = this.#study.configurations.flatMap(({ trials }) => trials);
    const ended = all.filter(({ hash }) => this.#results.has(hash)).length;
    return `${ended}/${this.#study.search.trials}`;
  }

  /** `12m 30s left`, from the epochs that ended since the start; empty while nothing is known. */
  get left(): string {
    const seconds = this.#now() - this.#start;
    const missing = this.#epochs - this.#before - this.#since;
    if (this.#since === 0 || missing <= 0) return '';
    return `${formatDuration((missing * seconds) / this.#since)} left`;
  }

  /** How far it is, the best so far, and the trials under way. */
  lines(): string[] {
    const share = Math.min(1, (this.#before + this.#since) / this.#epochs);
    const filled = Math.round(share * BAR);
    const bar = '█'.repeat(filled) + '░'.repeat(BAR - filled);
    const head = [`${bar} ${Math.floor(100 * share)}%`, `${this.count} trials`, this.left];
    const best = this.#rows.slice(0, BEST).flatMap(({ val, settings, epochs }, i) => {
      const text = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
      return val ? [`  ${i + 1}. ${percentText(val)}  ${text.join(' ')}  (${epochs} epochs)`] : [];
    });
    const running = [...this.#running.values()].map(({ order, report }) => {
      const at = report
        ? `epoch ${report.epoch}/${order.epochs}  ${(100 * report.accuracy).toFixed(2)} %`
        : 'waiting';
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
    return summarize(this.#study.configurations, this.#study.keys, this.#results);
  }

  #trained(): number {
    const all = this.#study.configurations.flatMap(({ trials }) => trials);
    return all.reduce((sum, { hash }) => sum + (this.#results.get(hash)?.accuracies.length ?? 0), 0);
  }
}
