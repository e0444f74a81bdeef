// The twin of src/engine/random.ts: the same bits.

@inline
export function mix(x: u32): u32 {
  x = (x ^ (x >>> 16)) * 0x7feb352d;
  x = (x ^ (x >>> 15)) * 0x846ca68b;
  return x ^ (x >>> 16);
}

/** `mix` of four words at once. */
@inline
export function mix4(x: v128): v128 {
  x = i32x4.mul(v128.xor(x, i32x4.shr_u(x, 16)), i32x4.splat(0x7feb352d));
  x = i32x4.mul(v128.xor(x, i32x4.shr_u(x, 15)), i32x4.splat(<i32>0x846ca68b));
  return v128.xor(x, i32x4.shr_u(x, 16));
}

@inline
export function extend(key: u32, word: u32): u32 {
  return mix(key ^ mix(word + 0x85ebca6b));
}

export const EMPTY_KEY: u32 = 0x9e3779b9;

@inline
export function bits(key: u32, counter: u32): u32 {
  return mix(key ^ mix(counter + 0x27d4eb2f));
}

@inline
export function uniform(key: u32, counter: u32): f64 {
  return <f64>(bits(key, counter) >>> 8) * 5.9604644775390625e-8;
}
