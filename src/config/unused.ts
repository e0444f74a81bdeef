import { UsageError } from '../errors.ts';

/**
 * Refuses options that were given and would have no effect.
 *
 * @param why nothing comes of them, and what to do
 * @throws UsageError
 */
export function refuseUnused(explicit: ReadonlySet<string>, keys: readonly string[], why: string): void {
  const given = keys.filter((key) => explicit.has(key)).map((key) => `${key}=`);
  if (given.length > 0) throw new UsageError(`${given.join(' and ')} would have no effect: ${why}.`);
}
