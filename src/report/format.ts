import type { Interval } from '../evaluate/bootstrap.ts';
import { percent as plainPercent } from '../term/numbers.ts';

/** A share in percent, with a space that does not break. */
export function percent(share: number, digits?: number): string {
  return plainPercent(share, digits).replace(' ', '\u00a0');
}

/** An interval of a share: `63.74 – 66.90`, in percent. */
export function percentRange({ low, high }: Interval): string {
  return `${(100 * low).toFixed(2)}\u00a0–\u00a0${(100 * high).toFixed(2)}`;
}

export function range({ low, high }: Interval, digits = 4): string {
  return `${low.toFixed(digits)}\u00a0–\u00a0${high.toFixed(digits)}`.replaceAll('-', '−');
}

/** A p-value as it can be judged: small ones by their power of ten. */
export function pValue(p: number): string {
  if (p >= 0.001) return p.toFixed(3);
  const power = Math.floor(Math.log10(p));
  return p === 0 || power < -15 ? '<\u00a010⁻¹⁵' : `<\u00a0${Number((10 ** (power + 1)).toPrecision(1))}`;
}
