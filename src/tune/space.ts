import type { Values } from '../config/searchable.ts';
import { type TrialSettings, trialOptions } from '../config.ts';
import { keyOf, STREAMS, uniform } from '../engine/random.ts';
import { UsageError } from '../errors.ts';

/** What a search tries for each setting. */
export type Space = { readonly [K in keyof TrialSettings]: Values<TrialSettings[K]> };

type Range = Extract<Values<unknown>, { kind: 'range' }>;

const KEYS = Object.keys(trialOptions) as (keyof TrialSettings)[];
/** Drawn numbers are rounded: more digits say nothing, and nobody could read them. */
const DIGITS = 3;
/** On a linear scale they keep the digits that tell at least so many numbers of the range apart. */
const FINENESS = 100;

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
  const { whole = false, log = false, step = 1 } = trialOptions[key].type.numeric ?? {};
  const [low, high] = whole ? multiples(values, step, key) : [values.low, values.high];
  // A whole number stands for half a step on either side of it, so that the ends are as likely as the rest.
  const half = whole ? step / 2 : 0;
  const [from, to] = [low - half, high + half];
  const x = log ? from * (to / from) ** u : from + (to - from) * u;
  const rounded = whole
    ? step * Math.round(x / step)
    : legible(x, log ? Number.POSITIVE_INFINITY : high - low);
  return Math.min(high, Math.max(low, rounded));
}

/** The least and the greatest multiple of a step in a range. */
function multiples({ low, high }: Range, step: number, key: string): [least: number, greatest: number] {
  const [least, greatest] = [step * Math.ceil(low / step), step * Math.floor(high / step)];
  if (least <= greatest) return [least, greatest];
  throw new UsageError(
    `fer tune: ${key}=${low}..${high} holds no multiple of ${step}, of which ${key} is drawn: give a wider range, or a list.`,
  );
}

/**
 * A number with few digits.
 *
 * @param width of the range, which may ask for more of them; infinite where digits count from the first, on a
 * logarithmic scale
 */
function legible(x: number, width: number): number {
  const short = Number(x.toPrecision(DIGITS));
  const decimals = -Math.floor(Math.log10(width / FINENESS));
  if (decimals < 0 || decimals > 100) return short;
  const fine = Number(x.toFixed(decimals));
  return Math.abs(fine - x) < Math.abs(short - x) ? fine : short;
}

function streamOf(seed: number, key: string): number {
  return keyOf(seed, STREAMS.search, ...Array.from(key, (char) => char.charCodeAt(0)));
}
