import type { Interval } from '../evaluate/bootstrap.ts';

/** A share in percent with two digits, as everywhere in the program: `65.31 %`. The space does not break. */
export function percent(share: number, digits = 2): string {
  return `${(100 * share).toFixed(digits)}\u00a0%`;
}

/** An interval of a share: `63.74 – 66.90`, in percent. */
export function percentRange({ low, high }: Interval): string {
  return `${(100 * low).toFixed(2)}\u00a0–\u00a0${(100 * high).toFixed(2)}`;
}

export function range({ low, high }: Interval, digits = 4): string {
  return `${low.toFixed(digits)}\u00a0–\u00a0${high.toFixed(digits)}`.replaceAll('-', '−');
}

export function grouped(count: number, digits = 0): string {
  return count.toLocaleString('en-US', { maximumFractionDigits: digits });
}

/** `1 image`, `2 images`. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** A p-value as it can be judged: small ones by their power of ten. */
export function pValue(p: number): string {
  if (p >= 0.001) return p.toFixed(3);
  const power = Math.floor(Math.log10(p));
  return p === 0 || power < -15 ? '<\u00a010⁻¹⁵' : `<\u00a0${Number((10 ** (power + 1)).toPrecision(1))}`;
}

/** A signed difference of shares in percentage points. */
export function points(difference: number): string {
  const sign = difference < 0 ? '−' : '+';
  return `${sign}${Math.abs(100 * difference).toFixed(2)}`;
}

/** `2 h 5 min`, `3 min 20 s`, `12.3 s`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${whole % 60} s`;
}
