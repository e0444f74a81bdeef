import { randomBytes } from 'node:crypto';
import { constants, copyFileSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { FerError } from '../errors.ts';
import { explainFileError } from '../io/files.ts';

/** Name of the lock in a run folder; hidden, as it is nothing of the run's. */
export const LOCK = '.lock';

/** Tries before giving up against others that take and leave the lock all the time. */
const ATTEMPTS = 20;

/** Who holds a lock. The start of a process tells it from a later one with the same id. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** The kernel's clock at the start of the process; null where the system does not say. */
  readonly started: string | null;
}

/** The locks of this very process: its own id in a lock file is else one that a dead process had before. */
const held = new Set<string>();

/**
 * Makes this process the only writer of a run folder, which must exist. A lock whose process is gone
 * (`kill -9`, power cut) is taken over, and so is one of another host, which cannot be asked.
 *
 * @returns what gives the lock back
 * @throws FerError if another live process writes there
 */
export function lockRun(folder: string): () => void {
  const file = join(folder, LOCK);
  const key = resolve(file);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const own = take(file);
    if (own !== undefined) {
      held.add(key);
      return () => {
        held.delete(key);
        // It may have been deleted by hand and be another's by now.
        removeIfStill(file, own);
      };
    }
    const found = contentOf(file);
    if (found === undefined) continue;
    const holder = parse(found);
    if (holder && isLive(holder, key)) throw inUse(folder, file, holder);
    removeIfStill(file, found);
  }
  throw new FerError(`${file} cannot be taken: other processes start on this run all the time`);
}

/**
 * Refuses a folder that is locked, without locking it: to say so before the data is read.
 *
 * @throws FerError if another live process writes there
 */
export function refuseLocked(folder: string): void {
  const file = join(folder, LOCK);
  const holder = parse(contentOf(file) ?? '');
  if (holder && isLive(holder, resolve(file))) throw inUse(folder, file, holder);
}

/** Creates the lock with its whole content, which it returns, in one step; undefined if there is one already. */
function take(file: string): string | undefined {
  const me: Holder = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
  const content = JSON.stringify(me);
  const temporary = temporaryName(file);
  try {
    writeFileSync(temporary, content, { flag: 'wx' });
    try {
      linkSync(temporary, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
      // A file system without hard links.
      copyFileSync(temporary, file, constants.COPYFILE_EXCL);
    }
    return content;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw explainFileError(error, 'write', file);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Removes the lock if it still is the one that was read; another's, taken meanwhile, is put back. */
function removeIfStill(file: string, content: string): void {
  if (contentOf(file) !== content) return;
  const aside = temporaryName(file);
  try {
    renameSync(file, aside);
    if (contentOf(aside) !== content) linkSync(aside, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EEXIST') throw explainFileError(error, 'remove', file);
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Of the form that `removeStaleTemporaries` knows. */
function temporaryName(file: string): string {
  return `${file}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw explainFileError(error, 'read', file);
  }
}

/** The holder, or undefined for what no lock of ours holds (a power cut can leave an empty file). */
function parse(content: string): Holder | undefined {
  try {
    const { pid, host, started } = JSON.parse(content);
    return Number.isSafeInteger(pid) && pid > 0 ? { pid, host, started } : undefined;
  } catch {
    return undefined;
  }
}

function isLive({ pid, host, started }: Holder, key: string): boolean {
  if (host !== hostname()) return false;
  if (pid === process.pid) return held.has(key);
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = startOf(pid);
  return now !== 'ended' && (started === null || now === null || now === started);
}

/** When a process started, on Linux (proc(5), stat); 'ended' for one that only waits to be reaped. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the command in parentheses, may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? 'ended' : fields[19];
  } catch {
    return null;
  }
}

function inUse(folder: string, file: string, { pid }: Holder): FerError {
  return new FerError(
    `process ${pid} is training ${folder}: wait for it, stop it, or choose another name= ` +
      `(if that process is something else, delete ${file})`,
  );
}
