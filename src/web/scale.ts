/** Round numbers that cover a range: 1, 2 or 5 times a power of ten apart. */
export function niceTicks(least: number, most: number, about = 4): number[] {
  if (!(most > least)) return [least];
  const rough = (most - least) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((one) => one >= rough) ?? 10 * power;
  const first = Math.ceil(least / step - 1e-9);
  const last = Math.floor(most / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** A range a little wider than the values, and never empty. */
export function rangeOf(values: readonly number[]): [number, number] {
  const least = Math.min(...values);
  const most = Math.max(...values);
  const margin = most > least ? 0.05 * (most - least) : Math.max(0.05 * Math.abs(most), 1e-6);
  return [least - margin, most + margin];
}
