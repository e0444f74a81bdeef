/**
 * WGSL that looks at bits instead of comparing: WGSL lets a compiler assume that no number is infinite or
 * a NaN, so `x != x` may be false for a NaN, and `x < 0 ? 0 : x` may become a `max` that swallows it. A
 * NaN has to stay visible up to the loss, or a training that diverged would go on unnoticed.
 */
export const FINITE = `
fn isFinite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }
fn isNan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
`;

/** The unsigned type of the bits of `T`, which is a number or four of them. */
const wordsOf = (lanes: 1 | 4): string => (lanes === 4 ? 'vec4u' : 'u32');

/** max(x, 0), and a NaN for a NaN: the bits of what is negative, -∞ included, are 0x80000000 to 0xff800000. */
export const rectified = (lanes: 1 | 4): string => {
  const words = wordsOf(lanes);
  return `fn rectified(x: T) -> T {
  return select(x, T(0), bitcast<${words}>(x) - ${words}(0x80000000u) <= ${words}(0x7f800000u));
}`;
};

/** The larger of two, and a NaN if one of them is. */
export const larger = (lanes: 1 | 4): string => {
  const words = wordsOf(lanes);
  const isNan = (x: string): string =>
    `(bitcast<${words}>(${x}) & ${words}(0x7fffffffu)) > ${words}(0x7f800000u)`;
  return `fn larger(a: T, b: T) -> T { return select(select(max(a, b), b, ${isNan('b')}), a, ${isNan('a')}); }`;
};
