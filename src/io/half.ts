/** Conversion between IEEE 754 half precision (binary16) and float32, which Node 20 has no array for. */

/** Rounds float32 to half precision, ties to even. Too large becomes infinite, too small becomes zero. */
export function encodeHalf(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = halfFromBits(bits[i]);
  return halves;
}

/** The bits of every half as float32, made on first use: looking them up takes a fifth of the time. */
let table: Uint32Array | undefined;

/**
 * Widens half precision to float32; every half has an exact float32.
 *
 * @param into as many values
 */
export function decodeHalf(
  halves: Uint16Array,
  into = new Float32Array(halves.length),
): Float32Array<ArrayBuffer> {
  table ??= Uint32Array.from({ length: 1 << 16 }, (_, half) => bitsFromHalf(half));
  const bits = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < halves.length; i++) bits[i] = table[halves[i]];
  return into;
}

function halfFromBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // NaN
  // 65520 lies half-way between the largest half, 65504, and the next power of two: it and all above overflow.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    // Normal half: drop 13 of the 23 mantissa bits and move the exponent's bias from 127 to 15.
    // Adding 0xfff plus the last kept bit rounds to nearest even; a carry correctly enters the exponent.
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  // 2^-25 is half the smallest subnormal half: a tie, which goes to even, that is to zero.
  if (magnitude <= 0x33000000) return sign;
  // Subnormal half: a multiple of 2^-24.
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - (magnitude >>> 23);
  const kept = mantissa >>> shift;
  const dropped = mantissa & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  return sign | (kept + (dropped > tie || (dropped === tie && (kept & 1) === 1) ? 1 : 0));
}

function bitsFromHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (mantissa << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return sign;
  // Subnormal half, mantissa * 2^-24: shift its leading one into the place float32 leaves implicit.
  const lead = 31 - Math.clz32(mantissa);
  return sign | ((lead + 103) << 23) | ((mantissa << (23 - lead)) & 0x7fffff);
}
