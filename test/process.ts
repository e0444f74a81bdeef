import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The built command line: `npm test` builds before it tests. */
export const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
/** Trains with the settings and the save interval given to it; says every step. */
export const TRAIN_PROCESS = fileURLToPath(new URL('trainProcess.mjs', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when the output so far, both streams together, holds `text`, or the process has ended. */
  said(text: string): Promise<void>;
  /** The output so far, standard output first. */
  output(): string;
}

/** Starts a program with its output kept. */
export function start(command: string, args: readonly string[], options: { cwd?: string } = {}): Running {
  const child = spawn(command, args, {
    ...options,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8');
    child[name].on('data', (chunk: string) => {
      text[name] += chunk;
      for (const listener of listeners) listener();
    });
  }
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, ...text }));
  const said = async (wanted: string): Promise<void> => {
    const heard = new Promise<void>((resolve) => {
      const listener = (): void => {
        if (!(text.stdout + text.stderr).includes(wanted)) return;
        listeners.delete(listener);
        resolve();
      };
      listeners.add(listener);
      listener();
    });
    await Promise.race([heard, ended]);
  };
  return { child, ended, said, output: () => text.stdout + text.stderr };
}

/** Runs the built command line to its end. */
export function cli(...args: string[]): Promise<Ended> {
  return start(process.execPath, [CLI, ...args]).ended;
}
