import { appendFileSync } from 'node:fs';

/**
 * Records what a test really ran on, for the list at the end of `npm test`; the same line twice is shown once:
 *
 *     ran(`wasm, relaxed-simd, ${threads} threads`);
 */
export function ran(line: string): void {
  const file = process.env.FER_TEST_RAN;
  if (file) appendFileSync(file, `${line}\n`);
}
