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

/** What the terminal is told of a study under way. */
export class StudyProgress {
  readonly #study: Study;
  readonly #results: Results;
  readonly #epochs: number;
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
    this.#epochs = study.search.epochs;
    this.#now = now;
    this.#start = now();
    this.#rows = this.#summary();
    this.#before = this.#epochsSoFar().trained;
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

  /** Trials with a result that asks for no more, of all that will be begun. */
  get count(): string {
    const all = this.#study.configurations.flatMap(({ trials }) => trials);
    const ended = all.filter(({ hash }) => this.#results.has(hash)).length;
    return `${ended}/${this.#study.search.trials}`;
  }

  /** `12m 30s left`, from the epochs that ended since the start; empty while nothing is known. */
  get left(): string {
    const { trained, spared } = this.#epochsSoFar();
    const [since, missing] = [trained - this.#before, this.#epochs - trained - spared];
    if (since <= 0 || missing <= 0) return '';
    return `${formatDuration((missing * (this.#now() - this.#start)) / since)} left`;
  }

  /** How far it is, the best so far, and the trials under way. */
  lines(): string[] {
    const { trained, spared } = this.#epochsSoFar();
    const share = Math.min(1, (trained + spared) / this.#epochs);
    const filled = Math.round(share * BAR);
    const bar = '█'.repeat(filled) + '░'.repeat(BAR - filled);
    const head = [`${bar} ${Math.floor(100 * share)}%`, `${this.count} trials`, this.left];
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

  /** Epochs of all trials, and those that will never be trained, as a trial ended before them. */
  #epochsSoFar(): { trained: number; spared: number } {
    let [trained, spared] = [0, 0];
    for (const { hash, settings } of this.#study.configurations.flatMap(({ trials }) => trials)) {
      const result = this.#results.get(hash);
      const ended = result !== undefined && result.status !== 'paused';
      const known = result?.accuracies.length ?? 0;
      const epochs = ended ? known : Math.max(known, this.#running.get(hash)?.report?.epoch ?? 0);
      trained += epochs;
      if (ended) spared += settings.n_epochs - epochs;
    }
    return { trained, spared };
  }
}
