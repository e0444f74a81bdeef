import pc from 'picocolors';
import { Block } from '../term/block.ts';
import { printable } from '../term/plainText.ts';
import { Progress, type ProgressOptions, type TerminalStream } from '../term/progress.ts';

/** The two output streams of a process, or a test's stand-ins. */
export interface Streams {
  readonly stdout: TerminalStream;
  readonly stderr: TerminalStream;
}

/**
 * Where a verb writes: its result on standard output, everything else on standard error. With `json=true`
 * standard output carries exactly one JSON value.
 */
export class Output {
  readonly json: boolean;
  /** Whether the text of a result may hold colour codes: a terminal, and NO_COLOR not set. */
  readonly color: boolean;
  readonly #streams: Streams;
  /** Whether `progress` draws. */
  readonly #live: boolean;
  #progress: Progress | Block | undefined;
  #jsonWritten = false;

  constructor(streams: Streams, json: boolean) {
    this.#streams = streams;
    this.json = json;
    const terminal = streams.stdout.isTTY === true || Boolean(process.env.FORCE_COLOR);
    this.color = !json && terminal && pc.isColorSupported;
    this.#live = streams.stderr.isTTY === true && process.env.TERM !== 'dumb';
  }

  /**
   * The result: `value` as one line of JSON with `json=true` (once a command), else the text.
   *
   * @throws Error if a second JSON value is written: a mistake of the verb
   */
  result(value: unknown, text: () => string): void {
    this.clear();
    if (!this.json) {
      this.#streams.stdout.write(`${printable(text(), this.color)}\n`);
      return;
    }
    if (this.#jsonWritten) throw new Error('a verb wrote two JSON values');
    this.#jsonWritten = true;
    this.#streams.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** A line on standard error: a remark, or one epoch's figures. */
  note(line: string): void {
    this.clear();
    this.#streams.stderr.write(`${printable(line)}\n`);
  }

  /** Starts a bar on standard error in place of the last one; see `Progress`. */
  progress(options: ProgressOptions): Progress {
    this.clear();
    const progress = new Progress(this.#live ? this.#streams.stderr : SILENT, options);
    this.#progress = progress;
    return progress;
  }

  /** Starts a block of lines on standard error in place of the last bar; see `Block`. */
  block(): Block {
    this.clear();
    const block = new Block(this.#live ? this.#streams.stderr : SILENT);
    this.#progress = block;
    return block;
  }

  /** Takes the bar or block off the screen; the next update draws it again. */
  clear(): void {
    this.#progress?.clear();
  }
}

const SILENT: TerminalStream = { write: () => true };
