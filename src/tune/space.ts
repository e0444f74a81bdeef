import type { Values } from '../config/searchable.ts';
import { type TrialSettings, trialOptions } from '../config.ts';
import { keyOf, STREAMS, uniform } from '../engine/random.ts';
import { UsageError } from '../errors.ts';

/** What a search tries for each setting. */
export type Space = { readonly [K in keyof TrialSettings]: Values<TrialSettings[K]> };

const KEYS = Object.keys(trialOptions) as (keyof TrialSettings)[];
/** Drawn numbers are rounded: more digits say nothing, and nobody could read them. */
const DIGITS = 3;

/**
 * Every combination of the listed values; the first settings change slowest.
 *
 * @throws UsageError for a range, which has no end of values
 */
export function combinations(space: Space): TrialSettings[] {
  let all: Record<string, unknown>[] = [{}];
  for (const key of KEYS) {
    const values: Values<unknown> = space[key];
    if (values.kind === 'range') {
      throw new UsageError(
        `fer tune: ${key}=${values.low}..${values.high} is a range, of which search=grid cannot try every value: ` +
          'list some, or give search=random or search=asha.',
      );
    }
    all = all.flatMap((settings) => values.list.map((value) => ({ ...settings, [key]: value })));
  }
  return all as TrialSettings[];
}

/** The i-th random draw: each setting from its values alone, so that more of them leave the others as they are. */
export function draw(space: Space, seed: number, i: number): TrialSettings {
  return Object.fromEntries(
    KEYS.map((key) => [key, drawValue(space[key], key, uniform(streamOf(seed, key), i))]),
  ) as TrialSettings;
}

/** @param u in [0, 1) */
function drawValue(values: Values<unknown>, key: keyof TrialSettings, u: number): unknown {
  if (values.kind === 'list') return values.list[Math.floor(u * values.list.length)];
  const { low, high } = values;
  const { whole, log } = trialOptions[key].type.numeric ?? { whole: false, log: false };
  // A whole number stands for half a step on either side of it, so that the ends are as likely as the rest.
  const half = whole ? 0.5 : 0;
  const [from, to] = [low - half, high + half];
  const x = log ? from * (to / from) ** u : from + (to - from) * u;
  const rounded = whole ? Math.round(x) : Number(x.toPrecision(DIGITS));
  return Math.min(high, Math.max(low, rounded));
}

function streamOf(seed: number, key: string): number {
  return keyOf(seed, STREAMS.search, ...Array.from(key, (char) => char.charCodeAt(0)));
}
