import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StudyRecord } from '../src/tune/studyFolder.ts';
import { CLI, type Running, start } from './process.ts';

/** Settings of trials that take a moment each. */
export const QUICK = ['data=synthetic:120', 'width=8', 'bs=16', 'eval_crops=1', 'n_epochs=3'];

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

/** Resolves when `wanted` holds; it is asked every few milliseconds. */
export async function until(wanted: () => boolean): Promise<void> {
  while (!wanted()) await new Promise((resolve) => setTimeout(resolve, 10));
}
