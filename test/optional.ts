import { appendFileSync } from 'node:fs';

/**
 * Says whether the tests of an optional part can run here, and records it when they cannot, so that the end
 * of `npm test` names what was left out and why:
 *
 *     describe.runIf(optional('webgpu', adapter !== null, 'no GPU adapter'))('webgpu backend', () => { ... });
 *
 * `why` says what is missing and, where it helps, how to get it.
 */
export function optional(name: string, present: boolean, why: string): boolean {
  const file = process.env.FER_TEST_LEFT_OUT;
  if (!present && file) appendFileSync(file, `${name}: ${why}\n`);
  return present;
}
