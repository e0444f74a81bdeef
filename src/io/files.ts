import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { FerError } from '../errors.ts';
import { type ByteSource, LARGEST_PIECE, pieces } from './pieces.ts';

/** `.NAME.PID.HEX.tmp`: hidden, in the target's own folder so that the rename never crosses a file system. */
const TEMPORARY = /^\..+\.(\d+)\.[0-9a-f]{8}\.tmp$/;
/** Bytes of NAME in it: with the rest it stays within the 255 that file systems take. */
const LONGEST_NAME = 200;

/** What the user can do about an error of the file system, by its code. */
const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free some space, or choose a folder on another disk',
  EDQUOT: 'your disk quota is used up: free some space, or choose a folder on another disk',
  EACCES: 'permission denied: choose a folder you own, or change its permissions',
  EPERM: 'the operation is not permitted: choose a folder you own, or change its permissions',
  EROFS: 'the file system is read-only: choose a folder on a writable disk',
  ENOENT: 'there is no such file or folder: check the path',
  ENOTDIR: 'a part of the path is a file, not a folder: check the path',
  EISDIR: 'it is a folder, not a file: check the path',
  ENAMETOOLONG: 'the name is too long for this file system: choose a shorter one',
  EFBIG: 'the file is larger than this file system allows: choose another disk',
  EIO: 'the disk reported an input/output error: check the disk',
  EMFILE: 'too many files are open: close other programs or raise the limit (ulimit -n)',
  ENFILE: 'too many files are open on this machine: close other programs',
};

/**
 * Turns an error of the file system into a FerError that names the path and the remedy.
 * An error without a code (a mistake of the program, not of the disk) is returned as it is.
 *
 * @param doing what failed, as in `cannot ${doing} ${path}`: `write`, `read`
 */
export function explainFileError(error: unknown, doing: string, path: string): unknown {
  if (error instanceof FerError || !(error instanceof Error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) return error;
  const remedy = REMEDIES[code];
  return new FerError(
    `cannot ${doing} ${path}: ${remedy === undefined ? error.message : `${remedy} (${code})`}`,
    {
      cause: error,
    },
  );
}

/**
 * Replaces the content of `path`, or leaves it as it was: the data goes to a temporary file in the same
 * folder, is flushed to the disk and renamed. Synchronous on purpose: the bytes may be views of live
 * parameters, which must not change half-way. A symbolic link stays, and the file it leads to is replaced; into a
 * device or a pipe, which nothing may replace, the data is written as it is.
 *
 * @throws FerError naming path and remedy when the disk is full, read-only, forbidden and the like; the
 *   temporary file is removed and an existing file untouched.
 */
export function writeFileAtomic(path: string, data: string | Uint8Array): void {
  writeChunksAtomic(path, [typeof data === 'string' ? Buffer.from(data) : data]);
}

/**
 * As `writeFileAtomic`, from pieces written one after another, so that a large file is never concatenated.
 *
 * @param before done when all of it is on the disk, and has not taken its name yet
 */
export function writeChunksAtomic(path: string, chunks: readonly Uint8Array[], before?: () => void): void {
  try {
    if (isDevice(path)) {
      writeAll(path, fs.constants.O_WRONLY, chunks);
      before?.();
    } else {
      replaceFile(followLinks(path), chunks, before);
    }
  } catch (error) {
    throw explainFileError(error, 'write', path);
  }
}

/** Something that is written to in place: a device, a pipe, a socket. */
function isDevice(path: string): boolean {
  const stats = fs.statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && !stats.isFile() && !stats.isDirectory();
}

/** The file that a path leads to through symbolic links, also where the last one leads to none yet. */
function followLinks(path: string): string {
  if (!fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) return path;
  if (fs.existsSync(path)) return fs.realpathSync(path);
  return followLinks(resolve(fs.realpathSync(dirname(path)), fs.readlinkSync(path)));
}

function replaceFile(path: string, chunks: readonly Uint8Array[], before?: () => void): void {
  const folder = dirname(path);
  const name = Buffer.from(basename(path)).subarray(0, LONGEST_NAME).toString();
  const temporary = join(folder, `.${name}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`);
  try {
    // Without the flush a power cut could leave the new name on an empty file.
    writeAll(temporary, 'wx', chunks, (file) => fs.fsyncSync(file));
    before?.();
    fs.renameSync(temporary, path);
  } catch (error) {
    attempt(() => fs.unlinkSync(temporary));
    throw error;
  }
  flushFolder(folder);
}

/**
 * Reads a whole file of any size.
 *
 * @param most bytes of a single read
 * @throws FerError naming path and remedy
 */
export function readFileBytes(path: string, most = LARGEST_PIECE): Buffer {
  try {
    const file = fs.openSync(path, 'r');
    try {
      const { size } = fs.fstatSync(file);
      // A pipe does not know its size, and says 0.
      return size <= most ? fs.readFileSync(file) : readFully(file, allocate(path, size), path, most);
    } finally {
      fs.closeSync(file);
    }
  } catch (error) {
    throw explainFileError(error, 'read', path);
  }
}

/**
 * Opens a file for `use` to read from, here and there.
 *
 * @throws FerError naming path and remedy, also from within `use`
 */
export function readInPlaces<T>(path: string, use: (source: ByteSource) => T): T {
  try {
    const file = fs.openSync(path, 'r');
    try {
      const { size } = fs.fstatSync(file);
      let buffer: Buffer = Buffer.from(new ArrayBuffer(0));
      return use({
        length: size,
        read(at, length) {
          if (buffer.length < length) buffer = allocate(path, length);
          return readFully(file, buffer.subarray(0, length), path, LARGEST_PIECE, at);
        },
      });
    } finally {
      fs.closeSync(file);
    }
  } catch (error) {
    throw explainFileError(error, 'read', path);
  }
}

/** Hexadecimal SHA-256 of a file's bytes; throws as `readFileBytes`. */
export function fileSha256(path: string): string {
  const hash = createHash('sha256');
  for (const piece of pieces(readFileBytes(path))) hash.update(piece);
  return hash.digest('hex');
}

/**
 * Makes a folder that may be there already.
 *
 * @throws FerError naming path and remedy
 */
export function makeFolder(path: string): void {
  try {
    fs.mkdirSync(path, { recursive: true });
  } catch (error) {
    throw explainFileError(error, 'make the folder', path);
  }
}

/**
 * Makes the folder of a file that will be written after long work, and refuses a folder in its place now.
 *
 * @throws FerError naming path and remedy
 */
export function makeFileFolder(file: string): void {
  makeFolder(dirname(file));
  if (isFolder(file)) {
    throw new FerError(`${file} is a folder, where a file is to be written: give its name too`);
  }
}

function isFolder(path: string): boolean {
  try {
    return fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    throw explainFileError(error, 'write', path);
  }
}

/**
 * Removes from `folder` the temporary files of processes that no longer run (killed while writing).
 * A folder that does not exist has none.
 *
 * @returns the names removed
 */
export function removeStaleTemporaries(folder: string): string[] {
  let names: string[] = [];
  attempt(() => {
    names = fs.readdirSync(folder);
  });
  return names.filter((name) => {
    const match = TEMPORARY.exec(name);
    if (match === null || isRunning(Number(match[1]))) return false;
    return attempt(() => fs.unlinkSync(join(folder, name)));
  });
}

/** @param finish done with the open file when all is written */
function writeAll(
  path: string,
  flags: string | number,
  chunks: readonly Uint8Array[],
  finish?: (file: number) => void,
): void {
  const file = fs.openSync(path, flags);
  try {
    for (const chunk of chunks) writeFully(file, chunk);
    finish?.(file);
  } finally {
    fs.closeSync(file);
  }
}

function writeFully(file: number, chunk: Uint8Array): void {
  let at = 0;
  while (at < chunk.byteLength) {
    at += fs.writeSync(file, chunk, at, Math.min(chunk.byteLength - at, LARGEST_PIECE));
  }
}

/** @param from where in the file */
function readFully(file: number, bytes: Buffer, path: string, most: number, from = 0): Buffer {
  for (let at = 0; at < bytes.length; ) {
    const read = fs.readSync(file, bytes, at, Math.min(bytes.length - at, most), from + at);
    if (read === 0) {
      throw new FerError(
        `cannot read ${path}: it became shorter meanwhile: is something else writing to it?`,
      );
    }
    at += read;
  }
  return bytes;
}

/** Room for a file's bytes in one piece: its arrays are views of it. */
function allocate(path: string, size: number): Buffer {
  try {
    return Buffer.from(new ArrayBuffer(size));
  } catch (error) {
    const gib = (size / 2 ** 30).toFixed(1);
    throw new FerError(`cannot read ${path}: it has ${gib} GiB, more than fits into memory`, {
      cause: error,
    });
  }
}

/** Makes the rename itself durable. Not every system can flush a folder; the file is safe either way. */
function flushFolder(folder: string): void {
  attempt(() => {
    const handle = fs.openSync(folder, 'r');
    try {
      fs.fsyncSync(handle);
    } finally {
      fs.closeSync(handle);
    }
  });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Runs a clean-up whose failure must not hide the error that led to it; tells whether it worked. */
function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
