/**
 * The safetensors format (https://github.com/huggingface/safetensors): an unsigned 64-bit little-endian
 * header length, that many bytes of UTF-8 JSON `{name: {dtype, shape, data_offsets: [begin, end]}}` with an
 * optional `__metadata__` of strings, then the data, to which the offsets are relative. Holds no code, so a
 * file from a stranger can do nothing but be wrong, and every way of being wrong is refused here.
 *
 * Arrays are views of the file's bytes wherever alignment allows: little-endian machines only, which is
 * every platform Node publishes WebAssembly-capable builds for but s390x.
 */
import { FerError } from '../errors.ts';
import { decodeHalf, encodeHalf } from './half.ts';
import { type ByteSource, sourceOf } from './pieces.ts';
import { parseStrictJson } from './strictJson.ts';

/** Array class and element size in the file, in bytes. F16 is handed out and taken in as float32. */
const DTYPES = {
  F64: { array: Float64Array, bytes: 8 },
  F32: { array: Float32Array, bytes: 4 },
  F16: { array: Float32Array, bytes: 2 },
  I64: { array: BigInt64Array, bytes: 8 },
  U64: { array: BigUint64Array, bytes: 8 },
  I32: { array: Int32Array, bytes: 4 },
  U32: { array: Uint32Array, bytes: 4 },
  I16: { array: Int16Array, bytes: 2 },
  U16: { array: Uint16Array, bytes: 2 },
  I8: { array: Int8Array, bytes: 1 },
  U8: { array: Uint8Array, bytes: 1 },
  BOOL: { array: Uint8Array, bytes: 1 },
} as const;

export type Dtype = keyof typeof DTYPES;
export type TensorData =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** What a file says of a tensor. */
export interface TensorHeader {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/** A tensor in a file: `data` is row-major and holds the product of `shape` elements. */
export interface StoredTensor extends TensorHeader {
  readonly data: TensorData;
}

export interface Safetensors {
  readonly tensors: Record<string, StoredTensor>;
  readonly metadata: Record<string, string>;
}

/** Elements of a piece: what is read and what it becomes stay in the second cache. */
export const PIECE = 1 << 17;

/** Limit of the format's own reader. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;
const ALIGNMENT = 8;
/** The root, one entry, its lists. */
const MAX_DEPTH = 3;

/**
 * The file as chunks in order, without copying the tensors (F16 excepted). Wider elements come first, so
 * that every tensor is aligned to its element size; the order within one width is that of `tensors`.
 *
 * @throws Error if a tensor's array does not fit its dtype and shape: a mistake of the caller
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, StoredTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const entries = Object.entries(tensors).sort(
    ([, a], [, b]) => DTYPES[b.dtype].bytes - DTYPES[a.dtype].bytes,
  );
  const header: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) header.push(['__metadata__', metadata]);
  const chunks: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { dtype, shape, data }] of entries) {
    const { array, bytes } = DTYPES[dtype];
    const length = shape.reduce((product, side) => product * side, 1);
    if (name === '__metadata__' || !(data instanceof array) || data.length !== length) {
      throw new Error(`tensor ${name}: ${data.constructor.name}(${data.length}) is not ${dtype} [${shape}]`);
    }
    const raw = dtype === 'F16' ? encodeHalf(data as Float32Array) : data;
    chunks.push(new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength));
    header.push([name, { dtype, shape: [...shape], data_offsets: [offset, offset + length * bytes] }]);
    offset += length * bytes;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerBytes = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const start = new Uint8Array(LENGTH_BYTES + headerBytes).fill(' '.charCodeAt(0));
  new DataView(start.buffer).setBigUint64(0, BigInt(headerBytes), true);
  start.set(json, LENGTH_BYTES);
  return [start, ...chunks];
}

/**
 * Reads a whole file already in memory. Arrays are views of `bytes` where the alignment allows, else copies.
 *
 * @param fileName only for messages
 * @throws FerError naming the file, what was found and what was expected
 */
export function decodeSafetensors(bytes: Uint8Array, fileName: string): Safetensors {
  const { metadata, specs, start } = readHeader(sourceOf(bytes), fileName);
  const tensors = Object.fromEntries(
    specs.map(({ name, dtype, shape, begin, end }) => {
      const data = decodeData(dtype, bytes.subarray(start + begin, start + end));
      return [name, { dtype, shape, data }];
    }),
  );
  return { tensors, metadata };
}

/** A file whose tensors are read when they are asked for, a piece at a time. */
export class SafetensorsReader {
  readonly tensors: Readonly<Record<string, TensorHeader>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #source: ByteSource;
  readonly #specs: ReadonlyMap<string, TensorSpec>;
  /** Of the first tensor in the file. */
  readonly #start: number;
  /** Where halves are widened: memory that is in use already costs less than fresh one. */
  readonly #widened = new Float32Array(PIECE);

  /**
   * Reads the header.
   *
   * @param fileName only for messages
   * @throws FerError as `decodeSafetensors`
   */
  constructor(source: ByteSource, fileName: string) {
    const { metadata, specs, start } = readHeader(source, fileName);
    this.tensors = Object.fromEntries(specs.map(({ name, dtype, shape }) => [name, { dtype, shape }]));
    this.metadata = metadata;
    this.#source = source;
    this.#specs = new Map(specs.map((spec) => [spec.name, spec]));
    this.#start = start;
  }

  /** The values of a tensor in order; each piece is only valid until the next. */
  *pieces(name: string): Generator<TensorData> {
    const spec = this.#specs.get(name);
    if (!spec) throw new RangeError(`no tensor named ${name}`);
    const { dtype, begin, end } = spec;
    const most = PIECE * DTYPES[dtype].bytes;
    for (let at = begin; at < end; at += most) {
      yield decodeData(dtype, this.#source.read(this.#start + at, Math.min(most, end - at)), this.#widened);
    }
  }
}

interface TensorSpec {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: number[];
  readonly begin: number;
  readonly end: number;
}

function refuse(fileName: string, found: string, expected: string): never {
  throw new FerError(
    `${fileName} is not a usable safetensors file: ${found}; expected ${expected}. ` +
      'The file is damaged or of another kind: copy or download it again.',
  );
}

interface Header {
  readonly specs: readonly TensorSpec[];
  readonly metadata: Record<string, string>;
  /** Where the tensors' bytes start. */
  readonly start: number;
}

function readHeader(source: ByteSource, fileName: string): Header {
  const { json, end: start } = readJson(source, fileName);
  const { __metadata__: metadata = {}, ...rest } = json;
  checkMetadata(metadata, fileName);
  const available = source.length - start;
  const specs = Object.entries(rest).map(([name, value]) => checkSpec(name, value, available, fileName));
  checkLayout(specs, available, fileName);
  return { specs, metadata, start };
}

function readJson(source: ByteSource, fileName: string): { json: Record<string, unknown>; end: number } {
  if (source.length < LENGTH_BYTES)
    refuse(fileName, `it has ${source.length} bytes`, 'at least 8 (header length)');
  const head = source.read(0, LENGTH_BYTES);
  const length = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES)
    refuse(fileName, `a header of ${length} bytes`, `${MAX_HEADER_BYTES} at most`);
  const end = LENGTH_BYTES + Number(length);
  if (end > source.length) {
    refuse(
      fileName,
      `a header of ${length} bytes in a file of ${source.length}`,
      'a file longer than its header',
    );
  }
  let json: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      source.read(LENGTH_BYTES, Number(length)),
    );
    json = parseStrictJson(text, MAX_DEPTH);
  } catch (error) {
    if (error instanceof FerError) throw error;
    refuse(fileName, `its header cannot be read: ${(error as Error).message}`, 'a JSON object');
  }
  if (!isRecord(json)) refuse(fileName, `its header is ${describe(json)}`, 'a JSON object');
  return { json, end };
}

function checkMetadata(metadata: unknown, fileName: string): asserts metadata is Record<string, string> {
  if (!isRecord(metadata)) refuse(fileName, `__metadata__ is ${describe(metadata)}`, 'an object of strings');
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string') {
      refuse(fileName, `__metadata__ ${describe(key)} is ${describe(value)}`, 'a string');
    }
  }
}

/** Checks one entry of the header by itself. `available`: bytes after the header. */
function checkSpec(name: string, value: unknown, available: number, fileName: string): TensorSpec {
  const tensor = `tensor ${describe(name)}`;
  if (!isRecord(value)) refuse(fileName, `${tensor} is ${describe(value)}`, '{dtype, shape, data_offsets}');
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPES, dtype)) {
    refuse(fileName, `${tensor} has dtype ${describe(dtype)}`, `one of ${Object.keys(DTYPES).join(', ')}`);
  }
  if (!isCounts(shape))
    refuse(fileName, `${tensor} has shape ${describe(shape)}`, 'a list of whole numbers >= 0');
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    refuse(fileName, `${tensor} has data_offsets ${describe(offsets)}`, '[begin, end] with begin <= end');
  }
  const [begin, end] = offsets;
  if (end > available) {
    refuse(
      fileName,
      `${tensor} ends at byte ${end} of the data`,
      `${available} at most, the bytes after the header`,
    );
  }
  // Each factor is a safe integer and the check runs at every step, so no product can wrap around.
  let size: number = DTYPES[dtype as Dtype].bytes;
  for (const side of shape) {
    size *= side;
    if (!Number.isSafeInteger(size))
      refuse(fileName, `${tensor} has shape ${describe(shape)}`, 'a size a file can have');
  }
  if (size !== end - begin) {
    refuse(
      fileName,
      `${tensor} has ${end - begin} bytes`,
      `${size} for ${dtype} of shape ${describe(shape)}`,
    );
  }
  return { name, dtype: dtype as Dtype, shape, begin, end };
}

/** The tensors must cover the data once: no hole, where something could hide, and no byte read twice. */
function checkLayout(specs: readonly TensorSpec[], available: number, fileName: string): void {
  let covered = 0;
  for (const { name, begin, end } of [...specs].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const tensor = `tensor ${describe(name)}`;
    if (begin < covered) refuse(fileName, `${tensor} starts at byte ${begin}, inside another`, `${covered}`);
    if (begin > covered) refuse(fileName, `${tensor} starts at byte ${begin}, leaving a hole`, `${covered}`);
    covered = end;
  }
  if (covered !== available) refuse(fileName, `${available} bytes of data`, `the ${covered} its tensors use`);
}

/** @param widened where halves go, with room for them; fresh memory where it is missing */
function decodeData(dtype: Dtype, raw: Uint8Array, widened?: Float32Array<ArrayBuffer>): TensorData {
  const { bytes } = DTYPES[dtype];
  const aligned = raw.byteOffset % bytes === 0 ? raw : new Uint8Array(raw);
  // Shared memory serves as well as any other; only the constructors' types say ArrayBuffer.
  const view = [aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / bytes] as const;
  if (dtype === 'F16') return decodeHalf(new Uint16Array(...view), widened?.subarray(0, view[2]));
  return new DTYPES[dtype].array(...view);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** A short rendering of a value of unknown size. */
function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
