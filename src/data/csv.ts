import { type FileHandle, open } from 'node:fs/promises';
import { FerError } from '../errors.ts';
import { type BadRow, badRowText } from './badRows.ts';
import { parseHeader, RowParser } from './csvRow.ts';
import { type DatasetContent, FACE_SIZE, FER2013_LABELS, splitIndices } from './dataset.ts';

const AREA = FACE_SIZE * FACE_SIZE;
/** Bytes read at a time, and so the longest line that can be met. A row of FER2013 has under 9.3 kB. */
const CHUNK = 4 << 20;
/** Pixels are collected in blocks of this many rows and joined at the end: no block is ever regrown. */
const BLOCK_ROWS = 2048;
const NEWLINE = 10;
const RETURN = 13;

export interface CsvOptions {
  readonly onProgress?: (bytesRead: number, bytesTotal: number) => void;
  /** Given, bad rows are reported to it and left out; else the first one throws. */
  readonly onBadRow?: (row: BadRow) => void;
}

/**
 * Reads `fer2013.csv` or `icml_face_data.csv` as a stream. Memory is that of the pixels, twice while the
 * blocks are joined, plus one chunk.
 *
 * @throws FerError, naming file and line, what was found and what was expected: for a file that cannot be
 *   read, is empty, packed or lacks a column, and for the first bad row unless `onBadRow` is given
 */
export async function readCsv(file: string, options: CsvOptions = {}): Promise<DatasetContent> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    throw new FerError(`${file}: cannot be opened: ${(error as Error).message}`);
  }
  try {
    return await new CsvReader(file, options).read(handle);
  } finally {
    await handle.close();
  }
}

class CsvReader {
  readonly #file: string;
  readonly #options: CsvOptions;
  readonly #blocks: Uint8Array[] = [];
  readonly #targets: number[] = [];
  readonly #splitOf: number[] = [];
  #parser: RowParser | undefined;
  /** Number of the line last taken. */
  #line = 0;
  /** Empty lines just before this one: harmless at the end of the file, a fault inside it. */
  #emptyLines = 0;
  #badRows = 0;

  constructor(file: string, options: CsvOptions) {
    this.#file = file;
    this.#options = options;
  }

  async read(handle: FileHandle): Promise<DatasetContent> {
    const total = (await handle.stat()).size;
    const buffer = new Uint8Array(CHUNK);
    let held = 0; // bytes of an unfinished line at the start of the buffer
    let done = 0;
    for (;;) {
      const bytesRead = await this.#fill(handle, buffer, held);
      const end = held + bytesRead;
      if (bytesRead === 0) {
        if (held > 0) this.#takeLine(buffer.subarray(0, end), 0, end, true);
        break;
      }
      if (done === 0) refusePacked(this.#file, buffer.subarray(0, end));
      done += bytesRead;
      held = this.#takeLines(buffer.subarray(0, end));
      buffer.copyWithin(0, end - held, end);
      if (held === CHUNK) {
        const where = `${this.#file}, line ${this.#line + 1}`;
        throw new FerError(
          `${where}: found more than ${CHUNK} bytes without a line end, expected rows of FER2013`,
        );
      }
      this.#options.onProgress?.(done, Math.max(total, done));
    }
    return this.#finish(done);
  }

  async #fill(handle: FileHandle, buffer: Uint8Array, held: number): Promise<number> {
    try {
      return (await handle.read(buffer, held, buffer.length - held, null)).bytesRead;
    } catch (error) {
      throw new FerError(
        `${this.#file}: reading stopped after line ${this.#line}: ${(error as Error).message}`,
      );
    }
  }

  /** Takes every whole line; returns how many bytes of an unfinished one remain. */
  #takeLines(bytes: Uint8Array): number {
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(NEWLINE, start);
      if (end < 0) return bytes.length - start;
      this.#takeLine(bytes, start, end, false);
      start = end + 1;
    }
  }

  #takeLine(bytes: Uint8Array, start: number, lineEnd: number, unfinished: boolean): void {
    this.#line++;
    const end = lineEnd > start && bytes[lineEnd - 1] === RETURN ? lineEnd - 1 : lineEnd;
    if (this.#parser === undefined) {
      const header = new TextDecoder().decode(bytes.subarray(start, end)); // drops a byte order mark
      this.#parser = new RowParser(parseHeader(this.#file, header));
      return;
    }
    if (end === start) {
      this.#emptyLines++;
      return;
    }
    for (; this.#emptyLines > 0; this.#emptyLines--) {
      this.#report(this.#line - this.#emptyLines, 'found an empty line, expected a row');
    }
    const row = this.#targets.length;
    const inBlock = row % BLOCK_ROWS;
    // A bad row leaves its block's slot free, so the block may be there already.
    if (this.#blocks.length * BLOCK_ROWS <= row) this.#blocks.push(new Uint8Array(BLOCK_ROWS * AREA));
    const fault = this.#parser.parse(
      bytes,
      start,
      end,
      this.#blocks[this.#blocks.length - 1],
      inBlock * AREA,
    );
    if (fault !== '') {
      this.#report(
        this.#line,
        unfinished ? `${fault}; the file ends inside this row, it seems to be cut` : fault,
      );
      return;
    }
    this.#targets.push(this.#parser.target);
    this.#splitOf.push(this.#parser.split);
  }

  #report(line: number, reason: string): void {
    this.#badRows++;
    const row = { file: this.#file, line, reason };
    if (this.#options.onBadRow) this.#options.onBadRow(row);
    else throw new FerError(`${badRowText(row)}; \`fer data ${this.#file}\` lists every bad row`);
  }

  #finish(bytes: number): DatasetContent {
    const expected = 'expected fer2013.csv: a header with emotion, pixels and Usage, then one row a picture';
    if (bytes === 0) throw new FerError(`${this.#file}: found an empty file, ${expected}`);
    const N = this.#targets.length;
    if (N === 0 && this.#badRows === 0) {
      throw new FerError(`${this.#file}, line ${this.#line + 1}: found no row after the header, ${expected}`);
    }
    const images = new Uint8Array(N * AREA);
    this.#blocks.forEach((block, b) => {
      const from = b * BLOCK_ROWS;
      images.set(block.subarray(0, Math.min(BLOCK_ROWS, N - from) * AREA), from * AREA);
    });
    return {
      labels: FER2013_LABELS,
      size: FACE_SIZE,
      images,
      targets: Uint8Array.from(this.#targets),
      splits: splitIndices(this.#splitOf),
    };
  }
}

/** First bytes of the archives FER2013 is handed out in. */
const PACKED: readonly (readonly [string, readonly number[]])[] = [
  ['zip', [0x50, 0x4b, 0x03, 0x04]],
  ['gzip', [0x1f, 0x8b]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
];

function refusePacked(file: string, bytes: Uint8Array): void {
  for (const [name, magic] of PACKED) {
    if (magic.every((byte, i) => bytes[i] === byte)) {
      throw new FerError(
        `${file}: found a ${name} archive, expected a csv: unpack it and give the csv inside`,
      );
    }
  }
}
