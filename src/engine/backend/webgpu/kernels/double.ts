/**
 * WGSL: float64 in integers, rounded to nearest even as IEEE 754 says. WGSL has no f64, and the draws of
 * the augmentation must come out as on the CPU to the bit: whether a box fits is yes or no.
 *
 * A number is ±(high, low) / 2^64 · 2^exponent with the highest bit of `high` set and the lowest eleven of
 * `low` zero: 53 digits. Zero has high = 0. What is computed here is far from the ends of the range: there
 * are no infinities and no denormal numbers.
 */
export const DOUBLE = `
struct Double { negative: bool, exponent: i32, high: u32, low: u32 }
const ZERO = Double(false, 0, 0u, 0u);

/** Rounds 64 digits, the lowest standing for whatever follows, to 53. */
fn rounded(negative: bool, exponent: i32, high: u32, low: u32) -> Double {
  let rest = low & 0x7ffu;
  let up = (rest > 0x400u) | ((rest == 0x400u) & ((low & 0x800u) != 0u));
  var r = Double(negative, exponent, high, low & ~0x7ffu);
  if (up) {
    r.low += 0x800u;
    if (r.low == 0u) {
      r.high += 1u;
      if (r.high == 0u) {
        r.high = 0x80000000u;
        r.exponent += 1;
      }
    }
  }
  return r;
}

/** Brings the highest digit to its place; at most 64 digits, so nothing is lost. */
fn normal(negative: bool, exponent: i32, high: u32, low: u32) -> Double {
  if (high == 0u && low == 0u) { return ZERO; }
  var shift = countLeadingZeros(high);
  if (high == 0u) {
    shift = 32u + countLeadingZeros(low);
    return rounded(negative, exponent - i32(shift), low << (shift - 32u), 0u);
  }
  if (shift == 0u) { return rounded(negative, exponent, high, low); }
  return rounded(negative, exponent - i32(shift), (high << shift) | (low >> (32u - shift)), low << shift);
}

fn whole(n: u32) -> Double { return normal(false, 32, n, 0u); }
/** A constant, from the halves of its 64 bits. */
fn constant(high: u32, low: u32) -> Double {
  let fraction = ((high & 0xfffffu) << 11u) | (low >> 21u);
  return Double((high >> 31u) != 0u, i32((high >> 20u) & 0x7ffu) - 1022, 0x80000000u | fraction, low << 11u);
}
fn negated(a: Double) -> Double { return Double(!a.negative, a.exponent, a.high, a.low); }

/** The 64 digits of a product of two 32-digit numbers, high half first. */
fn wide(a: u32, b: u32) -> vec2u {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let bl = b & 0xffffu;
  let bh = b >> 16u;
  let low = al * bl;
  let middle = ah * bl + (low >> 16u);
  let other = al * bh + (middle & 0xffffu);
  return vec2u(ah * bh + (middle >> 16u) + (other >> 16u), (other << 16u) | (low & 0xffffu));
}

fn product(a: Double, b: Double) -> Double {
  if (a.high == 0u || b.high == 0u) { return ZERO; }
  let negative = a.negative != b.negative;
  let ll = wide(a.low, b.low);
  let lh = wide(a.low, b.high);
  let hl = wide(a.high, b.low);
  let hh = wide(a.high, b.high);
  // Columns of 32 digits, lowest first, with their carries.
  let s1 = ll.x + lh.y;
  let t1 = s1 + hl.y;
  let c1 = u32(s1 < ll.x) + u32(t1 < s1);
  let s2 = hh.y + lh.x;
  let u2 = s2 + hl.x;
  let t2 = u2 + c1;
  let c2 = u32(s2 < hh.y) + u32(u2 < s2) + u32(t2 < u2);
  var high = hh.x + c2;
  var low = t2;
  var next = t1;
  var exponent = a.exponent + b.exponent;
  if ((high & 0x80000000u) == 0u) {
    high = (high << 1u) | (low >> 31u);
    low = (low << 1u) | (next >> 31u);
    next = next << 1u;
    exponent -= 1;
  }
  return rounded(negative, exponent, high, low | u32((next | ll.y) != 0u));
}

fn notLess(ah: u32, al: u32, bh: u32, bl: u32) -> bool { return (ah > bh) | ((ah == bh) & (al >= bl)); }

fn sum(one: Double, other: Double) -> Double {
  if (one.high == 0u) { return other; }
  if (other.high == 0u) { return one; }
  var a = one;
  var b = other;
  if ((a.exponent < b.exponent) | ((a.exponent == b.exponent) & !notLess(a.high, a.low, b.high, b.low))) {
    a = other;
    b = one;
  }
  // b moves right; digits that fall off leave a mark in the lowest place.
  let shift = u32(a.exponent - b.exponent);
  if (shift >= 64u) {
    b.high = 0u;
    b.low = 1u;
  } else if (shift >= 32u) {
    let fallen = select(b.low | (b.high << (64u - shift)), b.low, shift == 32u);
    b.low = (b.high >> (shift - 32u)) | u32(fallen != 0u);
    b.high = 0u;
  } else if (shift > 0u) {
    let fallen = b.low << (32u - shift);
    b.low = (b.low >> shift) | (b.high << (32u - shift)) | u32(fallen != 0u);
    b.high = b.high >> shift;
  }
  if (a.negative == b.negative) {
    let low = a.low + b.low;
    let high = a.high + b.high;
    let carried = high + u32(low < a.low);
    let over = (high < a.high) | (carried < high);
    if (!over) { return rounded(a.negative, a.exponent, carried, low); }
    return rounded(a.negative, a.exponent + 1, 0x80000000u | (carried >> 1u), (low >> 1u) | (carried << 31u) | (low & 1u));
  }
  return normal(a.negative, a.exponent, a.high - b.high - u32(a.low < b.low), a.low - b.low);
}

fn difference(a: Double, b: Double) -> Double { return sum(a, negated(b)); }

/** Digit by digit, as on paper. */
fn quotient(a: Double, b: Double) -> Double {
  if (a.high == 0u) { return ZERO; }
  var exponent = a.exponent - b.exponent;
  var rh = a.high;
  var rl = a.low;
  // The first digit is one, after doubling the rest where it is smaller; what overflows then is taken off.
  if (notLess(rh, rl, b.high, b.low)) { exponent += 1; } else {
    rh = (rh << 1u) | (rl >> 31u);
    rl = rl << 1u;
  }
  rh = rh - b.high - u32(rl < b.low);
  rl -= b.low;
  var high = 0u;
  var low = 1u;
  for (var digit = 0; digit < 58; digit++) {
    let over = rh >> 31u;
    rh = (rh << 1u) | (rl >> 31u);
    rl = rl << 1u;
    high = (high << 1u) | (low >> 31u);
    low = low << 1u;
    if ((over != 0u) | notLess(rh, rl, b.high, b.low)) {
      rh = rh - b.high - u32(rl < b.low);
      rl -= b.low;
      low |= 1u;
    }
  }
  // 59 digits so far.
  high = (high << 5u) | (low >> 27u);
  low = (low << 5u) | u32((rh | rl) != 0u);
  return rounded(a.negative != b.negative, exponent, high, low);
}

/** Of a number that is not negative, digit by digit. */
fn root(a: Double) -> Double {
  if (a.high == 0u) { return ZERO; }
  // An even exponent: the fraction is then in [1/4, 1).
  var exponent = a.exponent;
  var xh = a.high;
  var xl = a.low;
  if ((exponent & 1) != 0) {
    xl = (xl >> 1u) | (xh << 31u);
    xh = xh >> 1u;
    exponent += 1;
  }
  var rh = 0u;
  var rl = 0u;
  var high = 0u;
  var low = 0u;
  for (var digit = 0; digit < 58; digit++) {
    // The next two digits join the rest.
    rh = (rh << 2u) | (rl >> 30u);
    rl = (rl << 2u) | (xh >> 30u);
    xh = (xh << 2u) | (xl >> 30u);
    xl = xl << 2u;
    // 4·root + 1 against the rest.
    let th = (high << 2u) | (low >> 30u);
    let tl = (low << 2u) | 1u;
    high = (high << 1u) | (low >> 31u);
    low = low << 1u;
    if (notLess(rh, rl, th, tl)) {
      rh = rh - th - u32(rl < tl);
      rl -= tl;
      low |= 1u;
    }
  }
  high = (high << 6u) | (low >> 26u);
  low = (low << 6u) | u32((rh | rl) != 0u);
  return rounded(false, exponent / 2, high, low);
}

/** The largest whole number that is not larger; for numbers of at most 31 digits. */
fn floored(a: Double) -> i32 {
  if (a.high == 0u) { return 0; }
  if (a.exponent <= 0) { return select(0, -1, a.negative); }
  let digits = u32(a.exponent);
  let n = i32(a.high >> (32u - digits));
  let fraction = (a.high << digits) | a.low;
  return select(n, -n - i32(fraction != 0u), a.negative);
}

fn isLess(a: Double, b: Double) -> bool {
  let d = difference(a, b);
  return d.negative && d.high != 0u;
}

/** Cut to float32's digits. */
fn toFloat(a: Double) -> f32 {
  if (a.high == 0u) { return 0.0; }
  let size = ldexp(f32(a.high >> 8u), a.exponent - 24);
  return select(size, -size, a.negative);
}
`;

/** The WGSL of a float64 constant. */
export function doubleConstant(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return `constant(${view.getUint32(0)}u, ${view.getUint32(4)}u)`;
}
