import { FerError } from '../errors.ts';
import { FACE_SIZE, FER2013_LABELS, SPLITS } from './dataset.ts';

const AREA = FACE_SIZE * FACE_SIZE;
const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;
const ZERO = 48;

/** Where the three columns stand in a row, and how many columns the header has. */
export interface Columns {
  readonly emotion: number;
  readonly pixels: number;
  readonly usage: number;
  readonly count: number;
}

/**
 * Finds the columns of FER2013 in a header line by name: spaces, quotes and case do not matter, other
 * columns are allowed.
 *
 * @throws FerError for a missing or repeated one
 */
export function parseHeader(file: string, line: string): Columns {
  // Fields of a row: quotes hold commas and, written twice, quotes.
  const fields = line.match(/(?<=^|,)(?: *"(?:[^"]|"")*" *(?=,|$)|[^,]*)/g) ?? [];
  const names = fields.map((name) =>
    name
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .trim(),
  );
  const find = (wanted: string): number => {
    const at = names.findIndex((name) => name.toLowerCase() === wanted.toLowerCase());
    const found = `found ${quoted(line)}, expected a header that names emotion, pixels and Usage, in any order`;
    if (at < 0) {
      const hint = wanted === 'Usage' ? ' (a train.csv without it does not say which part is which)' : '';
      throw new FerError(`${file}, line 1: no column "${wanted}"${hint}: ${found}`);
    }
    if (names.findIndex((name, i) => i > at && name.toLowerCase() === wanted.toLowerCase()) >= 0) {
      throw new FerError(`${file}, line 1: more than one column "${wanted}": ${found}`);
    }
    return at;
  };
  return { emotion: find('emotion'), pixels: find('pixels'), usage: find('Usage'), count: names.length };
}

/**
 * Parses rows of bytes. Nothing is allocated for a good row: pixels go straight to the caller's array and
 * the two small fields are left in `target` and `split`.
 */
export class RowParser {
  /** Class of the last good row, an index into FER2013_LABELS. */
  target = 0;
  /** Split of the last good row, a position in SPLITS. */
  split = 0;
  readonly #columns: Columns;
  // Bounds of the field last found: [from, to) without quotes and outer spaces.
  #from = 0;
  #to = 0;

  constructor(columns: Columns) {
    this.#columns = columns;
  }

  /**
   * Reads the row `bytes[start, end)` (no line ending) and writes its pixels to `out` from `at`. Returns
   * what is wrong with it, or an empty string. A row with more than one fault reports the first.
   */
  parse(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): string {
    const columns = this.#columns;
    let p = start;
    for (let column = 0; column < columns.count; column++) {
      if (p > end) return `found ${column} columns, expected ${columns.count} as in the header`;
      p = this.#findField(bytes, p, end);
      if (p < 0) return 'a quoted field has no closing quote or is followed by more text';
      let fault = '';
      if (column === columns.pixels) fault = this.#parsePixels(bytes, out, at);
      else if (column === columns.emotion) fault = this.#parseEmotion(bytes);
      else if (column === columns.usage) fault = this.#parseUsage(bytes);
      if (fault !== '') return fault;
    }
    if (p <= end)
      return `found more than ${columns.count} columns, expected ${columns.count} as in the header`;
    return '';
  }

  /** Sets `from` and `to`; returns where the next field starts (end + 1 after the last), or -1. */
  #findField(bytes: Uint8Array, start: number, end: number): number {
    let from = start;
    while (from < end && bytes[from] === SPACE) from++;
    let next: number;
    let to: number;
    if (bytes[from] === QUOTE && from < end) {
      from++;
      to = bytes.indexOf(QUOTE, from);
      // A quote within a field is written twice.
      while (to >= 0 && to + 1 < end && bytes[to + 1] === QUOTE) to = bytes.indexOf(QUOTE, to + 2);
      if (to < 0 || to >= end) return -1;
      next = to + 1;
      while (next < end && bytes[next] === SPACE) next++;
      if (next < end && bytes[next] !== COMMA) return -1;
      while (from < to && bytes[from] === SPACE) from++;
    } else {
      next = bytes.indexOf(COMMA, from);
      if (next < 0 || next > end) next = end;
      to = next;
    }
    while (to > from && bytes[to - 1] === SPACE) to--;
    this.#from = from;
    this.#to = to;
    return next + 1;
  }

  #parsePixels(bytes: Uint8Array, out: Uint8Array, at: number): string {
    const to = this.#to;
    let count = 0;
    let p = this.#from;
    while (p < to) {
      const start = p;
      let value = 0;
      let digit = bytes[p] - ZERO;
      while (p < to && digit >= 0 && digit <= 9) {
        value = value * 10 + digit;
        digit = bytes[++p] - ZERO;
      }
      if (p === start || (p < to && bytes[p] !== SPACE) || value > 255) {
        const token = tokenAt(bytes, start, to);
        return `pixel ${count + 1} is ${quoted(token)}, expected a whole number from 0 to 255`;
      }
      if (count < AREA) out[at + count] = value;
      count++;
      while (p < to && bytes[p] === SPACE) p++;
    }
    if (count === AREA) return '';
    return `found ${count} pixels, expected ${AREA} (${FACE_SIZE} x ${FACE_SIZE})`;
  }

  #parseEmotion(bytes: Uint8Array): string {
    const value = this.#to - this.#from === 1 ? bytes[this.#from] - ZERO : -1;
    if (value >= 0 && value < FER2013_LABELS.length) {
      this.target = value;
      return '';
    }
    const names = FER2013_LABELS.map((label, i) => `${i} ${label}`).join(', ');
    return `emotion is ${quoted(text(bytes, this.#from, this.#to))}, expected one of ${names}`;
  }

  #parseUsage(bytes: Uint8Array): string {
    const usage = text(bytes, this.#from, this.#to);
    this.split = (SPLITS as readonly string[]).indexOf(usage);
    return this.split < 0 ? `Usage is ${quoted(usage)}, expected ${SPLITS.join(', ')}` : '';
  }
}

/** The longest piece of a file worth showing in a message. */
const SHOWN = 60;

function tokenAt(bytes: Uint8Array, start: number, end: number): string {
  let to = start;
  while (to < end && bytes[to] !== SPACE) to++;
  return text(bytes, start, to);
}

function text(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, Math.min(end, start + SHOWN + 1)));
}

/** In quotes, cut to a readable length, unprintable characters as dots. */
function quoted(value: string): string {
  const clean = value.slice(0, SHOWN).replace(/[^\x20-\x7e]/g, '.');
  return `"${clean}${value.length > SHOWN ? '…' : ''}"`;
}
