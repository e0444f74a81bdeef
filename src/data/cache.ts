import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { crc32 } from 'node:zlib';
import envPaths from 'env-paths';
import { makeFolder, removeStaleTemporaries, writeChunksAtomic } from '../io/files.ts';
import { LARGEST_PIECE, pieces } from '../io/pieces.ts';
import { type DatasetContent, SPLITS } from './dataset.ts';
import { indexBytes } from './hash.ts';

/*
 * One file a source path, so a changed source overwrites its old cache:
 *
 *   magic 'FERCACHE' | uint32 version | uint32 header length | uint32 CRC-32 of header | uint32 CRC-32 of body
 *   header: JSON {source, fingerprint, labels, size, counts, hash}
 *   body:   split indices (int32, in the order of SPLITS) | targets [N] | pixels [N, size, size]
 *
 * All integers are little-endian. The CRCs guard against damage, not against malice.
 */
const MAGIC = 'FERCACHE';
/** Raise it when the format or what a reader makes of the same bytes changes. */
const VERSION = 2;
const PREFIX = 24;
/** No real header comes near it: a larger length is damage, and is not allocated. */
const MAX_HEADER = 1 << 20;

/** What is cached of a dataset. */
export interface CacheEntry {
  readonly content: DatasetContent;
  readonly hash: string;
}

interface Header {
  readonly source: string;
  readonly fingerprint: string;
  readonly labels: string[];
  readonly size: number;
  readonly counts: number[];
  readonly hash: string;
}

/** Receives one-line remarks that do not stop the work. */
export type Notice = (message: string) => void;

/** Folder of the caches: `FER_CACHE`, else `fer` in the user's cache folder. */
export function cacheFolder(): string {
  return process.env.FER_CACHE || envPaths('fer', { suffix: '' }).cache;
}

/** Where the cache of a source path is kept. */
export function cacheFile(source: string): string {
  const name = createHash('sha256').update(resolve(source)).digest('hex').slice(0, 32);
  return join(cacheFolder(), `${name}.dataset`);
}

class Damaged extends Error {}

/**
 * The cached content of `source`, or null where there is none for this `fingerprint` (size and time of the
 * source). A damaged or unreadable file is reported to `onNotice` and counts as none.
 */
export async function readCache(
  source: string,
  fingerprint: string,
  onNotice?: Notice,
): Promise<CacheEntry | null> {
  const file = cacheFile(source);
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // No folder and no file are the normal first start; a cache folder that is a file is told on writing.
    if (code !== 'ENOENT' && code !== 'ENOTDIR')
      onNotice?.(`The cache ${file} cannot be opened (${message}).`);
    return null;
  }
  try {
    return await readEntry(handle, resolve(source), fingerprint);
  } catch (error) {
    onNotice?.(`The cache ${file} is damaged (${(error as Error).message}): reading ${source} again.`);
    return null;
  } finally {
    await handle.close();
  }
}

async function readEntry(
  handle: FileHandle,
  source: string,
  fingerprint: string,
): Promise<CacheEntry | null> {
  const fileSize = (await handle.stat()).size;
  const prefix = await readBytes(handle, 0, PREFIX, fileSize);
  const view = new DataView(prefix.buffer);
  if (new TextDecoder('latin1').decode(prefix.subarray(0, 8)) !== MAGIC)
    throw new Damaged('not a cache file');
  if (view.getUint32(8, true) !== VERSION) return null;
  const headerLength = view.getUint32(12, true);
  if (headerLength > MAX_HEADER) throw new Damaged(`header of ${headerLength} bytes`);
  const headerBytes = await readBytes(handle, PREFIX, headerLength, fileSize);
  if (crc32(headerBytes) !== view.getUint32(16, true)) throw new Damaged('checksum of the header differs');
  const header = JSON.parse(new TextDecoder().decode(headerBytes)) as Header;
  if (header.source !== source || header.fingerprint !== fingerprint) return null;

  const { labels, size, counts, hash } = header;
  const N = counts.reduce((a, b) => a + b, 0);
  const expected = PREFIX + headerLength + N * 4 + N + N * size * size;
  if (fileSize !== expected) throw new Damaged(`${fileSize} bytes instead of ${expected}`);
  let at = PREFIX + headerLength;
  let crc = 0;
  const next = async (length: number): Promise<Uint8Array<ArrayBuffer>> => {
    const bytes = await readBytes(handle, at, length, fileSize);
    at += length;
    crc = extendCrc(crc, bytes);
    return bytes;
  };
  const indices: Int32Array[] = [];
  for (const count of counts) {
    const bytes = new DataView((await next(count * 4)).buffer);
    indices.push(Int32Array.from({ length: count }, (_, i) => bytes.getInt32(i * 4, true)));
  }
  const targets = await next(N);
  const images = await next(N * size * size);
  if (crc !== view.getUint32(20, true)) throw new Damaged('checksum differs');
  const splits = { Training: indices[0], PublicTest: indices[1], PrivateTest: indices[2] };
  return { content: { labels, size, images, targets, splits }, hash };
}

/** CRC-32 of all bytes so far. An empty part has no piece and leaves it as it is; zlib would start it anew. */
function extendCrc(crc: number, bytes: Uint8Array): number {
  let extended = crc;
  for (const piece of pieces(bytes)) extended = crc32(piece, extended);
  return extended;
}

async function readBytes(
  handle: FileHandle,
  at: number,
  length: number,
  fileSize: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (at + length > fileSize) throw new Damaged(`${fileSize} bytes, it seems to be cut`);
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, LARGEST_PIECE), at + done);
    if (bytesRead === 0) throw new Damaged(`it ends at byte ${at + done}`);
    done += bytesRead;
  }
  return bytes;
}

/**
 * Writes the cache of `source`, under a temporary name first, and removes what writes that were killed have left. A
 * cache that cannot be written is reported to `onNotice`, not thrown: the dataset itself is at hand.
 */
export function writeCache(
  source: string,
  fingerprint: string,
  { content, hash }: CacheEntry,
  onNotice?: Notice,
): void {
  const file = cacheFile(source);
  const { labels, size, splits, targets, images } = content;
  const counts = SPLITS.map((split) => splits[split].length);
  const header: Header = { source: resolve(source), fingerprint, labels: [...labels], size, counts, hash };
  const headerBytes = new TextEncoder().encode(JSON.stringify(header));
  const body = [...SPLITS.map((split) => indexBytes(splits[split])), targets, images];

  const prefix = new Uint8Array(PREFIX);
  const view = new DataView(prefix.buffer);
  prefix.set(new TextEncoder().encode(MAGIC));
  view.setUint32(8, VERSION, true);
  view.setUint32(12, headerBytes.length, true);
  view.setUint32(16, crc32(headerBytes), true);
  view.setUint32(20, body.reduce(extendCrc, 0), true);
  try {
    makeFolder(cacheFolder());
    removeStaleTemporaries(cacheFolder());
    writeChunksAtomic(file, [prefix, headerBytes, ...body]);
  } catch (error) {
    const advice = 'set FER_CACHE to a folder that can be written';
    onNotice?.(
      `${source} is not cached and will be read in full each time: ${(error as Error).message}; ${advice}.`,
    );
  }
}
