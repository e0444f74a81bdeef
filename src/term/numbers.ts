/** Numbers as people read them, the same everywhere in the program. */

/** A share in percent: `65.31 %`. */
export function percent(share: number, digits = 2): string {
  return `${(100 * share).toFixed(digits)} %`;
}

/** An interval of a share, in percent: `63.74 to 66.90`. */
export function percentRange(
  { low, high }: { readonly low: number; readonly high: number },
  digits = 2,
): string {
  return `${(100 * low).toFixed(digits)} to ${(100 * high).toFixed(digits)}`;
}

/** A signed difference of shares in percentage points: `+0.31`, `−1.20`. */
export function points(difference: number): string {
  const sign = difference < 0 ? '−' : '+';
  return `${sign}${Math.abs(100 * difference).toFixed(2)}`;
}

/** With commas between the thousands: `28,709`. */
export function grouped(count: number, digits = 0): string {
  return count.toLocaleString('en-US', { maximumFractionDigits: digits });
}

/** `1 image`, `2 images`. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** `2 h 5 min`, `3 min 20 s`, `12.3 s`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${whole % 60} s`;
}
