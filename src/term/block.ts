import type { TerminalStream } from './progress.ts';

const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;
const REDRAW_SECONDS = 0.1;

/** Several lines on a terminal that are drawn anew in place. Where there is no terminal nothing is drawn. */
export class Block {
  readonly #stream: TerminalStream & { readonly rows?: number };
  readonly #now: () => number;
  /** Lines on the screen. */
  #height = 0;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(stream: TerminalStream, now = () => performance.now() / 1000) {
    this.#stream = stream;
    this.#now = now;
  }

  /** Draws the lines, unless that was done a moment ago; cheap to call often. */
  update(lines: () => readonly string[]): void {
    if (!this.#stream.isTTY) return;
    const now = this.#now();
    if (now - this.#drawnAt < REDRAW_SECONDS) return;
    this.#drawnAt = now;
    // The last column and row stay free: beyond them the terminal wraps or scrolls, and places would shift.
    const columns = (this.#stream.columns || DEFAULT_COLUMNS) - 1;
    const rows = (this.#stream.rows || DEFAULT_ROWS) - 1;
    const shown = lines()
      .slice(0, rows)
      .map((line) => line.slice(0, columns));
    this.#stream.write(`${this.#toTop()}${shown.map((line) => `${line}\u001b[K`).join('\n')}\u001b[J`);
    this.#height = shown.length;
  }

  /** Takes the lines off the screen: at the end, or before another line is printed. */
  clear(): void {
    if (this.#height === 0) return;
    this.#stream.write(`${this.#toTop()}\u001b[J`);
    this.#height = 0;
    this.#drawnAt = Number.NEGATIVE_INFINITY;
  }

  /** From the end of the last line to the start of the first. */
  #toTop(): string {
    return this.#height > 1 ? `\r\u001b[${this.#height - 1}A` : '\r';
  }
}
