import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FACE_SIZE } from '../src/data/dataset.ts';

/** Small inputs that the tests of this folder write. */

/** A new temporary folder and what removes it. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'fer-data-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Pixels of a made-up picture: another pattern for every `i`. */
export function pattern(i: number): Uint8Array {
  return Uint8Array.from({ length: FACE_SIZE * FACE_SIZE }, (_, p) => (p * 7 + i * 31) % 256);
}

/** A csv row in the official order. */
export function officialRow(i: number, emotion: number | string, usage: string): string {
  return `${emotion},${pattern(i).join(' ')},${usage}`;
}
