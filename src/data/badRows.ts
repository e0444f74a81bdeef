/** A row or picture that could not be read. */
export interface BadRow {
  /** The csv file or the picture. */
  readonly file: string;
  /** Line of the csv, the header being 1; absent for a picture. */
  readonly line?: number;
  /** What was found and what was expected. */
  readonly reason: string;
}

/** All bad rows counted, the first so many of them kept. */
export interface BadRows {
  readonly total: number;
  readonly shown: readonly BadRow[];
}

/** Collects bad rows up to `cap` and counts the rest: pass `add` as a reader's `onBadRow`. */
export class BadRowCollector implements BadRows {
  total = 0;
  readonly shown: BadRow[] = [];
  readonly cap: number;

  constructor(cap = 100) {
    this.cap = cap;
  }

  readonly add = (row: BadRow): void => {
    this.total++;
    if (this.shown.length < this.cap) this.shown.push(row);
  };
}

/** `file, line 12: reason`. */
export function badRowText({ file, line, reason }: BadRow): string {
  return `${file}${line === undefined ? '' : `, line ${line}`}: ${reason}`;
}
