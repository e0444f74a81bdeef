import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StudyRecord } from '../src/tune/studyFolder.ts';
import { CLI, type Running, start } from './process.ts';

/** Settings of trials that take a moment each, on the CPU. */
export const QUICK = ['data=synthetic:120', 'width=8', 'bs=16', 'eval_crops=1', 'n_epochs=3', 'device=cpu'];

export function recordOf(study: string): StudyRecord {
  return JSON.parse(readFileSync(join(study, 'study.json'), 'utf8'));
}

/** All that two studies of the same trials must have in common, to the bit, by hash. */
export function outcomesOf(study: string): Record<string, unknown> {
  return Object.fromEntries(
    recordOf(study).trials.map(({ trial, status, accuracies, best, test, settings }) => [
      trial,
      { status, accuracies, best, test, settings },
    ]),
  );
}

/** Starts the built command line; its output is kept. */
export function fer(...args: string[]): Running {
  return start(process.execPath, [CLI, ...args]);
}

/** Less than a test may take, so that what was said so far is told. */
const PATIENCE = 50;

/**
 * Resolves when `wanted` holds; it is asked every few milliseconds.
 *
 * @param output what is told where it does not come to hold
 */
export async function until(
  wanted: () => boolean | Promise<boolean>,
  output: () => string,
  seconds = PATIENCE,
): Promise<void> {
  const end = performance.now() + 1000 * seconds;
  while (!(await wanted())) {
    if (performance.now() > end) throw new Error(`not within ${seconds} s: ${wanted}\n${output()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
