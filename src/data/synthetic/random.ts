/**
 * A bijection of 32-bit integers that scatters its input: the finalizer of MurmurHash3 (Austin Appleby,
 * public domain). Integer operations only, so every engine gives the same bits.
 */
export function mix32(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** An odd constant near 2^32 / golden ratio: neighbouring counters land far apart. */
const STRIDE = 0x9e3779b9;

/** One seed made of several integers; the order matters. */
export function combineSeeds(...parts: readonly number[]): number {
  return parts.reduce((seed, part) => mix32(mix32(seed) ^ Math.imul(part + 1, STRIDE)), 0);
}

/** Counter-based generator: draw number i of a seed is a hash of both, with no other state. */
export class Random {
  readonly #seed: number;
  #counter = 0;

  constructor(seed: number) {
    this.#seed = mix32(seed);
  }

  /** 32 random bits, as a signed integer. */
  bits(): number {
    this.#counter = (this.#counter + STRIDE) | 0;
    return mix32(mix32(this.#seed ^ this.#counter) + this.#seed);
  }

  /** Uniform in [low, high). */
  uniform(low: number, high: number): number {
    return low + ((high - low) * (this.bits() >>> 0)) / 2 ** 32;
  }

  /** Triangular in (-width, width): mostly small, never far out. */
  jitter(width: number): number {
    return this.uniform(-width / 2, width / 2) + this.uniform(-width / 2, width / 2);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.uniform(0, 1) < probability;
  }

  /** One of the items, each as likely as the others. */
  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.uniform(0, items.length))];
  }
}
