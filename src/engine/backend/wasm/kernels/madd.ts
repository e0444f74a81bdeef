/** a·b + c: fused where the machine has it (relaxed SIMD build), else rounded twice. */
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** The sum of the four lanes, in a fixed order. */
@inline
export function lanes(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 2) + (f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 3))
  );
}

/** What values are cut below: 0 with ReLU, else nothing. */
@inline
export function floorOf(relu: usize): v128 {
  return relu ? f32x4.splat(0) : f32x4.splat(-Infinity);
}

/** Operand i of a kernel's record. */
@inline
export function arg(a: usize, i: usize): usize {
  return load<u32>(a + (i << 2));
}

@inline
export function argF(a: usize, i: usize): f32 {
  return load<f32>(a + (i << 2));
}

@inline
export function least(a: usize, b: usize): usize {
  return a < b ? a : b;
}

/**
 * Reads a word of every cache line, so that the second cache has them: memory gives more to loads with nothing between
 * them than to a kernel that computes meanwhile. The word at `left` is overwritten, or the loads would be left out.
 */
export function fetch(from: usize, bytes: usize, left: usize): void {
  const end = from + bytes;
  let a: u32 = 0;
  let b: u32 = 0;
  let c: u32 = 0;
  let d: u32 = 0;
  for (; from + 256 <= end; from += 256) {
    a |= load<u32>(from);
    b |= load<u32>(from, 64);
    c |= load<u32>(from, 128);
    d |= load<u32>(from, 192);
  }
  for (; from + 4 <= end; from += 64) a |= load<u32>(from);
  store<u32>(left, a | b | c | d);
}
