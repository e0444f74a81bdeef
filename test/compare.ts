/** Spacing of float32 numbers at 1. */
export const FLOAT32_EPS = 2 ** -23;

/** How far a tensor may be from the reference. */
export interface Bound {
  /** Terms of the sum behind an element: rounding errors grow with its square root. */
  readonly length?: number;
  /** Error of one term in units of the format's spacing. */
  readonly growth?: number;
  /** Size of the values that were rounded on the way, where it is more than the tensor's largest value. */
  readonly scale?: number;
  /** The spacing of the number format; float32's by default. */
  readonly eps?: number;
  /** Where a value that is not finite is expected any such value will do: a NaN for an infinity. */
  readonly anyNonFinite?: boolean;
}

/** The largest error of a tensor in units of what its bound allows, and where it is. */
export interface Discrepancy {
  readonly ratio: number;
  readonly index: number;
}

/** The Euclidean length. */
export function lengthOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return Math.sqrt(sum);
}

/** The largest absolute value among the finite ones. */
export function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]);
    if (size > most && size < Number.POSITIVE_INFINITY) most = size;
  }
  return most;
}

/**
 * Compares to a tolerance scaled to the tensor's largest value; values that are not finite must be the
 * same. A ratio above 1 is a failure.
 */
export function discrepancy(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { length = 1, growth = 2, scale = 0, eps = FLOAT32_EPS, anyNonFinite = false }: Bound = {},
): Discrepancy {
  if (actual.length !== expected.length)
    throw new Error(`${actual.length} values, expected ${expected.length}`);
  const tolerance = growth * eps * Math.sqrt(length) * Math.max(largest(expected), scale);
  let worst: Discrepancy = { ratio: 0, index: -1 };
  for (let index = 0; index < expected.length; index++) {
    const neither = !Number.isFinite(actual[index]) && !Number.isFinite(expected[index]);
    const ratio = anyNonFinite && neither ? 0 : ratioOf(actual[index], expected[index], tolerance);
    if (ratio > worst.ratio) worst = { ratio, index };
  }
  return worst;
}

function ratioOf(actual: number, expected: number, tolerance: number): number {
  if (actual === expected || (Number.isNaN(actual) && Number.isNaN(expected))) return 0;
  if (!Number.isFinite(actual) || !Number.isFinite(expected)) return Number.POSITIVE_INFINITY;
  // Where everything is zero, every other value is wrong.
  return tolerance === 0 ? Number.POSITIVE_INFINITY : Math.abs(actual - expected) / tolerance;
}

/** Throws unless `actual` is within its bound. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  bound: Bound,
  what: string,
): number {
  const { ratio, index } = discrepancy(actual, expected, bound);
  if (ratio > 1) {
    const found = `${actual[index]} at ${index}, expected ${expected[index]}`;
    throw new Error(`${what}: ${found}: ${ratio.toPrecision(3)} times the tolerance`);
  }
  return ratio;
}

/** Throws unless all bits are the same (a NaN is a NaN). */
export function expectSame(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  if (actual.length !== expected.length)
    throw new Error(`${what}: ${actual.length} values, not ${expected.length}`);
  for (let i = 0; i < expected.length; i++) {
    if (!Object.is(actual[i], expected[i])) {
      throw new Error(`${what}: ${actual[i]} at ${i}, expected ${expected[i]} to the bit`);
    }
  }
}
