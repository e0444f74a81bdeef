/**
 * exp and log in float64. AssemblyScript's own bring tables of static data, which every thread would
 * write anew over the shared memory; these need none. Errors are a few units in the last place.
 */

const LN2_HIGH: f64 = 0.6931471803691238;
const LN2_LOW: f64 = 1.9082149292705877e-10;
const LOG2_E: f64 = 1.4426950408889634;

/** e^x by halving to |r| < ln2 / 2 and the series of e^r. */
export function exp(x: f64): f64 {
  if (x != x) return x;
  if (x > 709.7) return Infinity;
  if (x < -745) return 0;
  const n = nearest(x * LOG2_E);
  const r = x - n * LN2_HIGH - n * LN2_LOW;
  let sum: f64 = 1;
  for (let i: f64 = 16; i > 0; i--) sum = 1 + (sum * r) / i;
  // Two factors, since 2^n alone may be below the smallest normal number.
  const half = <i64>(n * 0.5);
  return sum * power(half) * power(<i64>n - half);
}

/** 2^n for a normal result. */
@inline
function power(n: i64): f64 {
  return reinterpret<f64>((n + 1023) << 52);
}

/** log(x) of a positive normal x: log(m·2^n) with m near 1, by the series of artanh. */
export function log(x: f64): f64 {
  if (x != x || x == Infinity) return x;
  if (x <= 0) return x == 0 ? -Infinity : NaN;
  const bits = reinterpret<u64>(x);
  let n = <f64>(<i64>(bits >> 52) - 1023);
  let m = reinterpret<f64>((bits & 0xfffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    n += 1;
  }
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let sum: f64 = 0;
  for (let k: f64 = 23; k >= 1; k -= 2) sum = sum * z + 1 / k;
  return n * LN2_HIGH + (2 * s * sum + n * LN2_LOW);
}
