/**
 * The two inner loops of every product: over `count` neighbours in memory, so that a whole network can be
 * checked in float64 in reasonable time.
 */

/** y[i] += factor · x[i]. */
export function addScaled(
  y: Float64Array,
  yStart: number,
  x: Float64Array,
  xStart: number,
  factor: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) y[yStart + i] += factor * x[xStart + i];
}

/** Σ x[i] · y[i]. */
export function dot(x: Float64Array, xStart: number, y: Float64Array, yStart: number, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += x[xStart + i] * y[yStart + i];
  return sum;
}
