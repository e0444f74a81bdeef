import { expect } from 'vitest';
import { main } from '../src/cli/main.ts';

export interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line run in this process, its output kept. */
export function fer(...argv: string[]): Promise<Answer> {
  return run(argv, false);
}

/** The standard output of a command line that has to succeed. */
export async function must(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await fer(...argv);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return stdout;
}

/** As `fer`, on a terminal of 100 columns. */
export function ferOnTerminal(...argv: string[]): Promise<Answer> {
  return run(argv, true);
}

async function run(argv: readonly string[], isTTY: boolean): Promise<Answer> {
  const text = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    isTTY,
    columns: 100,
    write(chunk: string) {
      text[name] += chunk;
    },
  });
  const code = await main(argv, { stdout: stream('stdout'), stderr: stream('stderr') });
  return { code, ...text };
}
