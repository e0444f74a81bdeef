/** A progress bar for one terminal line. Where there is no terminal nothing is drawn. */

/** What the bar needs of a stream; `process.stderr` is one. */
export interface TerminalStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface ProgressState {
  readonly label: string;
  readonly done: number;
  readonly total: number;
  /** What is counted; bytes are shown as MB. */
  readonly unit: 'images' | 'bytes';
  /** Work done at the time `seconds` counts from: 0 but for a step resumed half-way. */
  readonly doneBefore?: number;
  /** Time since the start, in seconds. */
  readonly seconds: number;
  /** Shown in order, ready to print: `{ loss: '1.234', acc: '45.6%' }`. */
  readonly fields?: Readonly<Record<string, string>>;
}

const MIN_BAR = 8;
const MAX_BAR = 32;
const DEFAULT_COLUMNS = 80;
/** Ten a second is as smooth as anyone can read. */
const REDRAW_SECONDS = 0.1;

/**
 * One line of at most `width` columns: label, bar, percentage, rate, fields, time left. The bar shrinks
 * first and goes when there is no room for it; what still does not fit is cut off.
 */
export function formatProgress(state: ProgressState, width: number): string {
  const { label, done, total, unit, doneBefore = 0, seconds, fields = {} } = state;
  const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : 0;
  const rate = seconds > 0 ? Math.max(0, done - doneBefore) / seconds : 0;
  const left = rate > 0 ? `${formatDuration(Math.max(0, total - done) / rate)} left` : '';
  const facts = [
    `${Math.floor(share * 100)}%`.padStart(4),
    rate > 0 ? formatRate(rate, unit) : '',
    ...Object.entries(fields).map(([name, value]) => `${name} ${value}`),
    left,
  ].filter((fact) => fact !== '');
  const tail = facts.join('  ');
  const room = Math.min(MAX_BAR, width - label.length - tail.length - 2);
  if (room < MIN_BAR) return `${label} ${tail}`.slice(0, width);
  const filled = Math.round(share * room);
  return `${label} ${'█'.repeat(filled)}${'░'.repeat(room - filled)} ${tail}`;
}

/** `0.4s`, `12s`, `3m 07s`, `2h 05m`, `4d 03h`: the two units that matter. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  if (seconds < 1) return `${(Math.floor(seconds * 10) / 10).toFixed(1)}s`;
  const s = Math.round(seconds);
  const two = (n: number): string => String(n).padStart(2, '0');
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
  if (s < 86_400) return `${Math.floor(s / 3600)}h ${two(Math.floor((s % 3600) / 60))}m`;
  return `${Math.floor(s / 86_400)}d ${two(Math.floor((s % 86_400) / 3600))}h`;
}

/** `1,234 images/s`, `9.7 images/s`, `85.0 MB/s`. */
export function formatRate(perSecond: number, unit: ProgressState['unit']): string {
  if (unit === 'bytes') return `${(perSecond / 1e6).toFixed(1)} MB/s`;
  const digits = perSecond < 100 ? 1 : 0;
  const figure = perSecond.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return `${figure} images/s`;
}

export interface ProgressOptions {
  readonly label: string;
  readonly total: number;
  readonly unit?: ProgressState['unit'];
  /** Work done before now, when a step is resumed. */
  readonly done?: number;
  /** Clock in seconds, for tests. */
  readonly now?: () => number;
}

/** Draws `formatProgress` in place on a terminal, at most ten times a second. */
export class Progress {
  readonly #stream: TerminalStream;
  readonly #options: ProgressOptions;
  readonly #now: () => number;
  readonly #start: number;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #visible = false;

  constructor(stream: TerminalStream, options: ProgressOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now() / 1000);
    this.#start = this.#now();
  }

  /** Reports work done so far, in the same count as `total`. Cheap to call often. */
  update(done: number, fields?: Readonly<Record<string, string>>, total = this.#options.total): void {
    if (!this.#stream.isTTY) return;
    const now = this.#now();
    if (now - this.#drawnAt < REDRAW_SECONDS && done < total) return;
    this.#drawnAt = now;
    const { label, unit = 'images', done: doneBefore } = this.#options;
    const state = { label, done, total, unit, doneBefore, seconds: now - this.#start, fields };
    // The last column stays free: writing there would wrap the cursor to the next line.
    const line = formatProgress(state, (this.#stream.columns || DEFAULT_COLUMNS) - 1);
    this.#stream.write(`\r${line}\u001b[K`);
    this.#visible = true;
  }

  /** Takes the bar off the screen: at the end, or before another line is printed. */
  clear(): void {
    if (!this.#visible) return;
    this.#stream.write('\r\u001b[K');
    this.#visible = false;
    this.#drawnAt = Number.NEGATIVE_INFINITY;
  }
}
