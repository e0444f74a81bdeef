/** Whether two networks differ on the same images. */
export interface McNemar {
  /** Images that only the first gets right, and only the second. */
  readonly onlyFirst: number;
  readonly onlySecond: number;
  /** Two-sided: how likely so uneven a split is, or a more uneven one, if both were equally good. */
  readonly p: number;
}

/**
 * McNemar's exact test (McNemar 1947): of the images that one alone gets right, each falls to either side
 * with probability one half if both networks are equally good.
 *
 * @param first [N], whether the first network is right; `second` likewise, on the same images
 */
export function mcnemar(first: ArrayLike<boolean>, second: ArrayLike<boolean>): McNemar {
  if (first.length !== second.length) {
    throw new RangeError(`${first.length} and ${second.length} answers: expected those for the same images`);
  }
  let onlyFirst = 0;
  let onlySecond = 0;
  for (let n = 0; n < first.length; n++) {
    if (first[n] && !second[n]) onlyFirst++;
    if (second[n] && !first[n]) onlySecond++;
  }
  const p = Math.min(1, 2 * lowerTail(Math.min(onlyFirst, onlySecond), onlyFirst + onlySecond));
  return { onlyFirst, onlySecond, p };
}

/** P(X <= k) of a binomial distribution with n trials and probability one half, k at most n/2. */
function lowerTail(k: number, n: number): number {
  // The logarithm of the largest term, as the power underflows for large n; then downwards by ratios.
  let log = -n * Math.LN2;
  for (let i = 1; i <= k; i++) log += Math.log((n - i + 1) / i);
  let term = 1;
  let sum = 1;
  for (let i = k; i > 0; i--) {
    term *= i / (n - i + 1);
    sum += term;
  }
  return Math.exp(log) * sum;
}

/**
 * Holm's correction (Holm 1979) of the p-values of several tests made together.
 *
 * @returns the corrected values in the order given
 */
export function holm(ps: readonly number[]): number[] {
  const order = ps.map((p, i) => ({ p, i })).sort((a, b) => a.p - b.p);
  const corrected = new Array<number>(ps.length);
  let largest = 0;
  order.forEach(({ p, i }, place) => {
    largest = Math.max(largest, Math.min(1, (ps.length - place) * p));
    corrected[i] = largest;
  });
  return corrected;
}
