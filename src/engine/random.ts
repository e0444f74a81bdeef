/**
 * Counter-based random numbers: a value is a pure function of (key, counter), so any thread or device
 * can draw any of them in any order. Integer arithmetic only, hence the same on every machine. The
 * AssemblyScript twin is `backend/wasm/kernels/random.ts`.
 */

/** Uses of randomness in a run or a search; each hashes to keys of its own. */
export const STREAMS = {
  init: 1,
  shuffle: 2,
  augment: 3,
  dropout: 4,
  search: 5,
  noise: 6,
  mixture: 7,
  bootstrap: 8,
  votes: 9,
} as const;

/** Mixes 32 bits; constants of Chris Wellons' `lowbias32` (public domain). */
export function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** One key from several words, order mattering. */
export function keyOf(...words: readonly number[]): number {
  let key = 0x9e3779b9;
  for (const word of words) key = mix(key ^ mix(word + 0x85ebca6b));
  return key >>> 0;
}

/** 32 random bits. */
export function bits(key: number, counter: number): number {
  return mix(key ^ mix(counter + 0x27d4eb2f));
}

/**
 * For dropout with probability p: an element is kept if its 32 random bits reach this. p near 1 must not round to 2^32,
 * which is 0 in 32 bits.
 */
export function dropThreshold(p: number): number {
  return Math.min(Math.round(p * 2 ** 32), 2 ** 32 - 1);
}

/** Uniform in [0, 1): a multiple of 2^-24, so exact in float32 too. */
export function uniform(key: number, counter: number): number {
  return (bits(key, counter) >>> 8) * 2 ** -24;
}

/** Normal with mean 0 and variance 1, from counters 2i and 2i + 1 (Box & Muller 1958). */
export function normal(key: number, i: number): number {
  // 1 - u lies in (0, 1], so that its logarithm is finite.
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(key, 2 * i)));
  return radius * Math.cos(2 * Math.PI * uniform(key, 2 * i + 1));
}

/** Of weights that are not all 0, the index that a uniform draw `u` in [0, 1) falls on. */
export function drawIndex(weights: ArrayLike<number>, u: number): number {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i];
  let rest = u * total;
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    last = i;
    if (rest < weights[i]) break;
    rest -= weights[i];
  }
  return last;
}

/** A random permutation of 0..n-1 (Fisher–Yates). */
export function permutation(key: number, n: number): Int32Array {
  const order = new Int32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor((bits(key, i) / 2 ** 32) * (i + 1));
    const swap = order[i];
    order[i] = order[j];
    order[j] = swap;
  }
  return order;
}
