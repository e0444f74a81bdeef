import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readFileBytes } from '../io/files.ts';

/** What made a run. */
export interface ProgramVersion {
  /** Of package.json. */
  readonly version: string;
  /** Revision of the program's source where it runs from a checkout, with `+changes` if files differ from it. */
  readonly git: string | null;
}

/** `fer 1.2.0, revision 1a2b…`. */
export function programText({ version, git }: ProgramVersion): string {
  return `fer ${version}${git === null ? '' : `, revision ${git}`}`;
}

export function programVersion(): ProgramVersion {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const { version } = JSON.parse(readFileBytes(join(root, 'package.json')).toString('utf8'));
  // Only the program's own repository: one around it (it may lie in node_modules) says nothing about it.
  if (!existsSync(join(root, '.git'))) return { version, git: null };
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
    return { version, git: git('rev-parse', 'HEAD') + (changed ? '+changes' : '') };
  } catch {
    // No git on this machine, or no commit yet.
    return { version, git: null };
  }
}
