/**
 * Register tiles of the matrix products, not unrolled over k, which makes V8 spill.
 *
 * 4 rows by 8 columns, 8 accumulators, is the widest tile that V8 keeps in registers where it compiles 128-bit
 * vectors as they are. The wide build is for a V8 that joins two neighbouring 128-bit operations to one of 256 bits:
 * there 8 rows by 8 columns are 8 accumulators again, as many as two multiply-add units with a latency of four
 * need. V8 finds the neighbours from two stores side by side, backwards through the loop: so both halves must be
 * written alike, accumulators start from a constant and memory is added at the end.
 *
 * A pair of tiles shares its panel of b. Every build adds the same numbers in the same order.
 */
import { madd } from './madd';

/** Columns of a packed panel of B. */
export const PANEL: usize = 8;
/** Rows of a register tile. */
export const ROWS: usize = 4;
/** Bytes of the channels that a transform or a strip takes at a time: a vector, or the two that become one. */
export const VECTOR: usize = FER_WIDE ? 32 : 16;

/** c[8] (+)= the two halves of a row. */
@inline
export function put(c: usize, low: v128, high: v128, accumulate: bool): void {
  if (accumulate) {
    const l = v128.load(c);
    const h = v128.load(c, 16);
    v128.store(c, f32x4.add(h, high), 16);
    v128.store(c, f32x4.add(l, low));
  } else {
    v128.store(c, high, 16);
    v128.store(c, low);
  }
}

/**
 * c[4][8] (+)= a[4][depth] · b[depth][8]. `a` rows lie `lda` bytes apart with k contiguous; `b` is a
 * packed panel; `c` rows lie `ldc` bytes apart.
 */
export function tileRows(a: usize, lda: usize, b: usize, depth: usize, c: usize, ldc: usize, accumulate: bool): void {
  let a1 = a + lda;
  let a2 = a1 + lda;
  let a3 = a2 + lda;
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  const end = a + (depth << 2);
  while (a < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const x0 = v128.load32_splat(a);
    c00 = madd(x0, b0, c00);
    c01 = madd(x0, b1, c01);
    const x1 = v128.load32_splat(a1);
    c10 = madd(x1, b0, c10);
    c11 = madd(x1, b1, c11);
    const x2 = v128.load32_splat(a2);
    c20 = madd(x2, b0, c20);
    c21 = madd(x2, b1, c21);
    const x3 = v128.load32_splat(a3);
    c30 = madd(x3, b0, c30);
    c31 = madd(x3, b1, c31);
    a += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    b += 32;
  }
  put(c, c00, c01, accumulate);
  put(c + ldc, c10, c11, accumulate);
  put(c + 2 * ldc, c20, c21, accumulate);
  put(c + 3 * ldc, c30, c31, accumulate);
}

/** Two tiles of `tileRows` with the same b, the second `nextA` and `nextC` bytes further. */
export function tileRowsPair(a: usize, nextA: usize, lda: usize, b: usize, depth: usize, c: usize, nextC: usize, ldc: usize, accumulate: bool): void {
  if (!FER_WIDE || (depth & 1)) {
    tileRows(a, lda, b, depth, c, ldc, accumulate);
    tileRows(a + nextA, lda, b, depth, c + nextC, ldc, accumulate);
    return;
  }
  let a1 = a + lda;
  let a2 = a1 + lda;
  let a3 = a2 + lda;
  let a4 = a + nextA;
  let a5 = a4 + lda;
  let a6 = a5 + lda;
  let a7 = a6 + lda;
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0);
  let c41 = f32x4.splat(0);
  let c50 = f32x4.splat(0);
  let c51 = f32x4.splat(0);
  let c60 = f32x4.splat(0);
  let c61 = f32x4.splat(0);
  let c70 = f32x4.splat(0);
  let c71 = f32x4.splat(0);
  const end = a + (depth << 2);
  while (a < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const x0 = v128.load32_splat(a);
    c00 = madd(x0, b0, c00);
    c01 = madd(x0, b1, c01);
    const x1 = v128.load32_splat(a1);
    c10 = madd(x1, b0, c10);
    c11 = madd(x1, b1, c11);
    const x2 = v128.load32_splat(a2);
    c20 = madd(x2, b0, c20);
    c21 = madd(x2, b1, c21);
    const x3 = v128.load32_splat(a3);
    c30 = madd(x3, b0, c30);
    c31 = madd(x3, b1, c31);
    const x4 = v128.load32_splat(a4);
    c40 = madd(x4, b0, c40);
    c41 = madd(x4, b1, c41);
    const x5 = v128.load32_splat(a5);
    c50 = madd(x5, b0, c50);
    c51 = madd(x5, b1, c51);
    const x6 = v128.load32_splat(a6);
    c60 = madd(x6, b0, c60);
    c61 = madd(x6, b1, c61);
    const x7 = v128.load32_splat(a7);
    c70 = madd(x7, b0, c70);
    c71 = madd(x7, b1, c71);
    const e0 = v128.load(b, 32);
    const e1 = v128.load(b, 48);
    const y0 = v128.load32_splat(a, 4);
    c00 = madd(y0, e0, c00);
    c01 = madd(y0, e1, c01);
    const y1 = v128.load32_splat(a1, 4);
    c10 = madd(y1, e0, c10);
    c11 = madd(y1, e1, c11);
    const y2 = v128.load32_splat(a2, 4);
    c20 = madd(y2, e0, c20);
    c21 = madd(y2, e1, c21);
    const y3 = v128.load32_splat(a3, 4);
    c30 = madd(y3, e0, c30);
    c31 = madd(y3, e1, c31);
    const y4 = v128.load32_splat(a4, 4);
    c40 = madd(y4, e0, c40);
    c41 = madd(y4, e1, c41);
    const y5 = v128.load32_splat(a5, 4);
    c50 = madd(y5, e0, c50);
    c51 = madd(y5, e1, c51);
    const y6 = v128.load32_splat(a6, 4);
    c60 = madd(y6, e0, c60);
    c61 = madd(y6, e1, c61);
    const y7 = v128.load32_splat(a7, 4);
    c70 = madd(y7, e0, c70);
    c71 = madd(y7, e1, c71);
    a += 8;
    a1 += 8;
    a2 += 8;
    a3 += 8;
    a4 += 8;
    a5 += 8;
    a6 += 8;
    a7 += 8;
    b += 64;
  }
  put(c, c00, c01, accumulate);
  put(c + ldc, c10, c11, accumulate);
  put(c + 2 * ldc, c20, c21, accumulate);
  put(c + 3 * ldc, c30, c31, accumulate);
  const d = c + nextC;
  put(d, c40, c41, accumulate);
  put(d + ldc, c50, c51, accumulate);
  put(d + 2 * ldc, c60, c61, accumulate);
  put(d + 3 * ldc, c70, c71, accumulate);
}

/**
 * c[4][8] (+)= aᵀ · b for a[depth][≥4] with rows `lda` bytes apart and b[depth][≥8] with rows `ldb`
 * bytes apart: the product of a weight gradient, summed over pixels or tiles.
 */
export function tileColumns(a: usize, lda: usize, b: usize, ldb: usize, depth: usize, c: usize, ldc: usize, accumulate: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  while (depth) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const x0 = v128.load32_splat(a);
    c00 = madd(x0, b0, c00);
    c01 = madd(x0, b1, c01);
    const x1 = v128.load32_splat(a, 4);
    c10 = madd(x1, b0, c10);
    c11 = madd(x1, b1, c11);
    const x2 = v128.load32_splat(a, 8);
    c20 = madd(x2, b0, c20);
    c21 = madd(x2, b1, c21);
    const x3 = v128.load32_splat(a, 12);
    c30 = madd(x3, b0, c30);
    c31 = madd(x3, b1, c31);
    a += lda;
    b += ldb;
    depth--;
  }
  put(c, c00, c01, accumulate);
  put(c + ldc, c10, c11, accumulate);
  put(c + 2 * ldc, c20, c21, accumulate);
  put(c + 3 * ldc, c30, c31, accumulate);
}

/** Two tiles of `tileColumns` with the same b, the second `nextA` and `nextC` bytes further. */
export function tileColumnsPair(a: usize, nextA: usize, lda: usize, b: usize, ldb: usize, depth: usize, c: usize, nextC: usize, ldc: usize, accumulate: bool): void {
  if (!FER_WIDE || (depth & 1)) {
    tileColumns(a, lda, b, ldb, depth, c, ldc, accumulate);
    tileColumns(a + nextA, lda, b, ldb, depth, c + nextC, ldc, accumulate);
    return;
  }
  let e = a + nextA;
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0);
  let c41 = f32x4.splat(0);
  let c50 = f32x4.splat(0);
  let c51 = f32x4.splat(0);
  let c60 = f32x4.splat(0);
  let c61 = f32x4.splat(0);
  let c70 = f32x4.splat(0);
  let c71 = f32x4.splat(0);
  while (depth) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const x0 = v128.load32_splat(a);
    c00 = madd(x0, b0, c00);
    c01 = madd(x0, b1, c01);
    const x1 = v128.load32_splat(a, 4);
    c10 = madd(x1, b0, c10);
    c11 = madd(x1, b1, c11);
    const x2 = v128.load32_splat(a, 8);
    c20 = madd(x2, b0, c20);
    c21 = madd(x2, b1, c21);
    const x3 = v128.load32_splat(a, 12);
    c30 = madd(x3, b0, c30);
    c31 = madd(x3, b1, c31);
    const x4 = v128.load32_splat(e);
    c40 = madd(x4, b0, c40);
    c41 = madd(x4, b1, c41);
    const x5 = v128.load32_splat(e, 4);
    c50 = madd(x5, b0, c50);
    c51 = madd(x5, b1, c51);
    const x6 = v128.load32_splat(e, 8);
    c60 = madd(x6, b0, c60);
    c61 = madd(x6, b1, c61);
    const x7 = v128.load32_splat(e, 12);
    c70 = madd(x7, b0, c70);
    c71 = madd(x7, b1, c71);
    const e0 = v128.load(b + ldb);
    const e1 = v128.load(b + ldb, 16);
    const y0 = v128.load32_splat(a + lda);
    c00 = madd(y0, e0, c00);
    c01 = madd(y0, e1, c01);
    const y1 = v128.load32_splat(a + lda, 4);
    c10 = madd(y1, e0, c10);
    c11 = madd(y1, e1, c11);
    const y2 = v128.load32_splat(a + lda, 8);
    c20 = madd(y2, e0, c20);
    c21 = madd(y2, e1, c21);
    const y3 = v128.load32_splat(a + lda, 12);
    c30 = madd(y3, e0, c30);
    c31 = madd(y3, e1, c31);
    const y4 = v128.load32_splat(e + lda);
    c40 = madd(y4, e0, c40);
    c41 = madd(y4, e1, c41);
    const y5 = v128.load32_splat(e + lda, 4);
    c50 = madd(y5, e0, c50);
    c51 = madd(y5, e1, c51);
    const y6 = v128.load32_splat(e + lda, 8);
    c60 = madd(y6, e0, c60);
    c61 = madd(y6, e1, c61);
    const y7 = v128.load32_splat(e + lda, 12);
    c70 = madd(y7, e0, c70);
    c71 = madd(y7, e1, c71);
    a += 2 * lda;
    e += 2 * lda;
    b += 2 * ldb;
    depth -= 2;
  }
  put(c, c00, c01, accumulate);
  put(c + ldc, c10, c11, accumulate);
  put(c + 2 * ldc, c20, c21, accumulate);
  put(c + 3 * ldc, c30, c31, accumulate);
  const d = c + nextC;
  put(d, c40, c41, accumulate);
  put(d + ldc, c50, c51, accumulate);
  put(d + 2 * ldc, c60, c61, accumulate);
  put(d + 3 * ldc, c70, c71, accumulate);
}

/**
 * Three tiles of `tileColumns` with the same b, `nextA` and `nextC` bytes apart: as many accumulators as registers allow, for
 * the ten tiles of a face in ten crops.
 */
export function tileColumnsTriple(a: usize, nextA: usize, lda: usize, b: usize, ldb: usize, depth: usize, c: usize, nextC: usize, ldc: usize, accumulate: bool): void {
  if (!FER_WIDE) {
    for (let i: usize = 0; i < 3; i++) tileColumns(a + i * nextA, lda, b, ldb, depth, c + i * nextC, ldc, accumulate);
    return;
  }
  let e = a + nextA;
  let f = e + nextA;
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  let c40 = f32x4.splat(0);
  let c41 = f32x4.splat(0);
  let c50 = f32x4.splat(0);
  let c51 = f32x4.splat(0);
  let c60 = f32x4.splat(0);
  let c61 = f32x4.splat(0);
  let c70 = f32x4.splat(0);
  let c71 = f32x4.splat(0);
  let c80 = f32x4.splat(0);
  let c81 = f32x4.splat(0);
  let c90 = f32x4.splat(0);
  let c91 = f32x4.splat(0);
  let ca0 = f32x4.splat(0);
  let ca1 = f32x4.splat(0);
  let cb0 = f32x4.splat(0);
  let cb1 = f32x4.splat(0);
  while (depth) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const x0 = v128.load32_splat(a);
    c00 = madd(x0, b0, c00);
    c01 = madd(x0, b1, c01);
    const x1 = v128.load32_splat(a, 4);
    c10 = madd(x1, b0, c10);
    c11 = madd(x1, b1, c11);
    const x2 = v128.load32_splat(a, 8);
    c20 = madd(x2, b0, c20);
    c21 = madd(x2, b1, c21);
    const x3 = v128.load32_splat(a, 12);
    c30 = madd(x3, b0, c30);
    c31 = madd(x3, b1, c31);
    const x4 = v128.load32_splat(e);
    c40 = madd(x4, b0, c40);
    c41 = madd(x4, b1, c41);
    const x5 = v128.load32_splat(e, 4);
    c50 = madd(x5, b0, c50);
    c51 = madd(x5, b1, c51);
    const x6 = v128.load32_splat(e, 8);
    c60 = madd(x6, b0, c60);
    c61 = madd(x6, b1, c61);
    const x7 = v128.load32_splat(e, 12);
    c70 = madd(x7, b0, c70);
    c71 = madd(x7, b1, c71);
    const x8 = v128.load32_splat(f);
    c80 = madd(x8, b0, c80);
    c81 = madd(x8, b1, c81);
    const x9 = v128.load32_splat(f, 4);
    c90 = madd(x9, b0, c90);
    c91 = madd(x9, b1, c91);
    const xa = v128.load32_splat(f, 8);
    ca0 = madd(xa, b0, ca0);
    ca1 = madd(xa, b1, ca1);
    const xb = v128.load32_splat(f, 12);
    cb0 = madd(xb, b0, cb0);
    cb1 = madd(xb, b1, cb1);
    a += lda;
    e += lda;
    f += lda;
    b += ldb;
    depth--;
  }
  put(c, c00, c01, accumulate);
  put(c + ldc, c10, c11, accumulate);
  put(c + 2 * ldc, c20, c21, accumulate);
  put(c + 3 * ldc, c30, c31, accumulate);
  put(c + nextC, c40, c41, accumulate);
  put(c + nextC + ldc, c50, c51, accumulate);
  put(c + nextC + 2 * ldc, c60, c61, accumulate);
  put(c + nextC + 3 * ldc, c70, c71, accumulate);
  put(c + 2 * nextC, c80, c81, accumulate);
  put(c + 2 * nextC + ldc, c90, c91, accumulate);
  put(c + 2 * nextC + 2 * ldc, ca0, ca1, accumulate);
  put(c + 2 * nextC + 3 * ldc, cb0, cb1, accumulate);
}
