/*
 * AssemblyScript: the kernels of the detectors, for four channels at a time where that pays. `plainKernels.ts`
 * is what they must agree with, `kernels.ts` says what the operands are; here offsets are in bytes.
 *
 * Compiled by scripts/faceKernels.mjs into `module.ts`, which is committed: a page then needs no further file, and
 * a detector can be made without waiting. A test compiles it anew and compares.
 */

const LANES: i32 = 4;
const BYTES: i32 = 16;

/** A sum with its residual, if channel k has one, through the ReLU, if there is one. */
@inline
function finish(sum: v128, residual: i32, k: i32, R: i32, relu: bool): v128 {
  if (residual >= 0 && k < R) {
    let term = f32x4.splat(0);
    if (k + LANES <= R) {
      term = v128.load(residual + (k << 2));
    } else {
      term = v128.load32_zero(residual + (k << 2));
      if (k + 1 < R) term = f32x4.replace_lane(term, 1, load<f32>(residual + (k << 2) + 4));
      if (k + 2 < R) term = f32x4.replace_lane(term, 2, load<f32>(residual + (k << 2) + 8));
    }
    sum = f32x4.add(sum, term);
  }
  return relu ? f32x4.max(sum, f32x4.splat(0)) : sum;
}

/** The first `lanes` of four values. */
@inline
function storeLanes(to: i32, value: v128, lanes: i32): void {
  if (lanes >= LANES) {
    v128.store(to, value);
    return;
  }
  store<f32>(to, f32x4.extract_lane(value, 0));
  if (lanes > 1) store<f32>(to + 4, f32x4.extract_lane(value, 1));
  if (lanes > 2) store<f32>(to + 8, f32x4.extract_lane(value, 2));
}

export function pointwise(
  x: i32,
  P: i32,
  C: i32,
  w: i32,
  K: i32,
  y: i32,
  residual: i32,
  R: i32,
  relu: bool,
): void {
  const panel = (C + 1) * BYTES;
  const row = C << 2;
  const outRow = K << 2;
  for (let p = 0; p < P; p += 4) {
    const rows = P - p;
    // Rows that are not there repeat the last one that is, and store the same values again.
    const second = rows > 1 ? 1 : 0;
    const third = rows > 2 ? 2 : second;
    const fourth = rows > 3 ? 3 : third;
    const x0 = x + p * row;
    const x1 = x0 + second * row;
    const x2 = x0 + third * row;
    const x3 = x0 + fourth * row;
    const y0 = y + p * outRow;
    const y1 = y0 + second * outRow;
    const y2 = y0 + third * outRow;
    const y3 = y0 + fourth * outRow;
    const r0 = residual < 0 ? -1 : residual + p * (R << 2);
    const r1 = residual < 0 ? -1 : r0 + second * (R << 2);
    const r2 = residual < 0 ? -1 : r0 + third * (R << 2);
    const r3 = residual < 0 ? -1 : r0 + fourth * (R << 2);
    let k = 0;
    // Four pixels by eight outputs: eight sums, two weights and a pixel stay in registers.
    for (; k + LANES < K; k += 2 * LANES) {
      let wa = w + (k / LANES) * panel;
      let wb = wa + panel;
      let a0 = v128.load(wa);
      let b0 = v128.load(wb);
      let a1 = a0;
      let b1 = b0;
      let a2 = a0;
      let b2 = b0;
      let a3 = a0;
      let b3 = b0;
      for (let c = 0; c < row; c += 4) {
        wa += BYTES;
        wb += BYTES;
        const va = v128.load(wa);
        const vb = v128.load(wb);
        let pixel = v128.load32_splat(x0 + c);
        a0 = f32x4.add(a0, f32x4.mul(pixel, va));
        b0 = f32x4.add(b0, f32x4.mul(pixel, vb));
        pixel = v128.load32_splat(x1 + c);
        a1 = f32x4.add(a1, f32x4.mul(pixel, va));
        b1 = f32x4.add(b1, f32x4.mul(pixel, vb));
        pixel = v128.load32_splat(x2 + c);
        a2 = f32x4.add(a2, f32x4.mul(pixel, va));
        b2 = f32x4.add(b2, f32x4.mul(pixel, vb));
        pixel = v128.load32_splat(x3 + c);
        a3 = f32x4.add(a3, f32x4.mul(pixel, va));
        b3 = f32x4.add(b3, f32x4.mul(pixel, vb));
      }
      const at = k << 2;
      v128.store(y0 + at, finish(a0, r0, k, R, relu));
      v128.store(y1 + at, finish(a1, r1, k, R, relu));
      v128.store(y2 + at, finish(a2, r2, k, R, relu));
      v128.store(y3 + at, finish(a3, r3, k, R, relu));
      const rest = K - k - LANES;
      storeLanes(y0 + at + BYTES, finish(b0, r0, k + LANES, R, relu), rest);
      storeLanes(y1 + at + BYTES, finish(b1, r1, k + LANES, R, relu), rest);
      storeLanes(y2 + at + BYTES, finish(b2, r2, k + LANES, R, relu), rest);
      storeLanes(y3 + at + BYTES, finish(b3, r3, k + LANES, R, relu), rest);
    }
    if (k < K) {
      let wa = w + (k / LANES) * panel;
      let a0 = v128.load(wa);
      let a1 = a0;
      let a2 = a0;
      let a3 = a0;
      for (let c = 0; c < row; c += 4) {
        wa += BYTES;
        const va = v128.load(wa);
        a0 = f32x4.add(a0, f32x4.mul(v128.load32_splat(x0 + c), va));
        a1 = f32x4.add(a1, f32x4.mul(v128.load32_splat(x1 + c), va));
        a2 = f32x4.add(a2, f32x4.mul(v128.load32_splat(x2 + c), va));
        a3 = f32x4.add(a3, f32x4.mul(v128.load32_splat(x3 + c), va));
      }
      const at = k << 2;
      const rest = K - k;
      storeLanes(y0 + at, finish(a0, r0, k, R, relu), rest);
      storeLanes(y1 + at, finish(a1, r1, k, R, relu), rest);
      storeLanes(y2 + at, finish(a2, r2, k, R, relu), rest);
      storeLanes(y3 + at, finish(a3, r3, k, R, relu), rest);
    }
  }
}

/** C >= 4. */
export function depthwise(
  x: i32,
  H: i32,
  W: i32,
  C: i32,
  w: i32,
  y: i32,
  stride: i32,
  zeros: i32,
): void {
  const outH = H / stride;
  const outW = W / stride;
  const pad = stride == 1 ? 1 : 0;
  const pixel = C << 2;
  const line = W * pixel;
  const step = stride * pixel;
  for (let oh = 0; oh < outH; oh++) {
    const row = oh * stride - pad;
    const x0 = row < 0 ? zeros : x + row * line;
    const x1 = x + (row + 1) * line;
    const x2 = row + 2 < H ? x + (row + 2) * line : zeros;
    for (let c = 0; c < C; c += LANES) {
      // The last four channels may have been done in part: they come out the same.
      const at = min(c, C - LANES) << 2;
      let k = w + at;
      const w0 = v128.load(k);
      const w1 = v128.load((k += pixel));
      const w2 = v128.load((k += pixel));
      const w3 = v128.load((k += pixel));
      const w4 = v128.load((k += pixel));
      const w5 = v128.load((k += pixel));
      const w6 = v128.load((k += pixel));
      const w7 = v128.load((k += pixel));
      const w8 = v128.load((k += pixel));
      const bias = v128.load((k += pixel));
      let to = y + oh * outW * pixel + at;
      let from = at - pad * pixel;
      for (let ow = 0; ow < outW; ow++) {
        let sum = bias;
        if (ow > 0 || pad == 0) {
          sum = f32x4.add(sum, f32x4.mul(v128.load(x0 + from), w0));
          sum = f32x4.add(sum, f32x4.mul(v128.load(x1 + from), w3));
          sum = f32x4.add(sum, f32x4.mul(v128.load(x2 + from), w6));
        }
        const middle = from + pixel;
        let other = f32x4.mul(v128.load(x0 + middle), w1);
        other = f32x4.add(other, f32x4.mul(v128.load(x1 + middle), w4));
        other = f32x4.add(other, f32x4.mul(v128.load(x2 + middle), w7));
        if (ow < outW - 1) {
          const right = middle + pixel;
          sum = f32x4.add(sum, f32x4.mul(v128.load(x0 + right), w2));
          sum = f32x4.add(sum, f32x4.mul(v128.load(x1 + right), w5));
          sum = f32x4.add(sum, f32x4.mul(v128.load(x2 + right), w8));
        }
        v128.store(to, f32x4.add(sum, other));
        to += pixel;
        from += step;
      }
    }
  }
}

export function patches(
  x: i32,
  H: i32,
  W: i32,
  C: i32,
  y: i32,
  kernelH: i32,
  kernelW: i32,
  outW: i32,
  top: i32,
  left: i32,
  stride: i32,
): void {
  const run = (kernelW * C) << 2;
  let to = y;
  for (let ow = 0; ow < outW; ow++) {
    const column = left + ow * stride;
    const before = (max(0, -column) * C) << 2;
    const end = (max(0, min(kernelW, W - column)) * C) << 2;
    for (let kh = 0; kh < kernelH; kh++) {
      const row = top + kh;
      if (row < 0 || row >= H) {
        for (let i = 0; i < run; i += 4) store<f32>(to + i, 0);
      } else {
        const from = x + (((row * W + column) * C) << 2);
        for (let i = 0; i < before; i += 4) store<f32>(to + i, 0);
        for (let i = before; i < end; i += 4) store<f32>(to + i, load<f32>(from + i));
        for (let i = end; i < run; i += 4) store<f32>(to + i, 0);
      }
      to += run;
    }
  }
}

/** C >= 4. */
export function maxPool2(x: i32, H: i32, W: i32, C: i32, y: i32): void {
  const pixel = C << 2;
  const line = W * pixel;
  let to = y;
  for (let h = 0; h < H; h += 2) {
    for (let w = 0; w < W; w += 2) {
      const from = x + h * line + w * pixel;
      for (let c = 0; c < C; c += LANES) {
        const at = from + (min(c, C - LANES) << 2);
        const upper = f32x4.max(v128.load(at), v128.load(at + pixel));
        const lower = f32x4.max(v128.load(at + line), v128.load(at + line + pixel));
        v128.store(to + (min(c, C - LANES) << 2), f32x4.max(upper, lower));
      }
      to += pixel;
    }
  }
}

/** The first of the two inputs that an output lies between. */
@inline
function before(out: i32, size: i32, outSize: i32): f32 {
  return max<f32>(0, ((<f32>out + 0.5) * <f32>size) / <f32>outSize - 0.5);
}

/** C >= 4. */
export function resize(x: i32, H: i32, W: i32, C: i32, y: i32, outH: i32, outW: i32): void {
  const pixel = C << 2;
  let to = y;
  for (let oh = 0; oh < outH; oh++) {
    const row = before(oh, H, outH);
    const top = min(<i32>row, H - 1);
    const down = f32x4.splat(row - <f32>top);
    const upper = x + top * W * pixel;
    const lower = x + min(top + 1, H - 1) * W * pixel;
    for (let ow = 0; ow < outW; ow++) {
      const column = before(ow, W, outW);
      const first = min(<i32>column, W - 1);
      const across = f32x4.splat(column - <f32>first);
      const left = first * pixel;
      const right = min(first + 1, W - 1) * pixel;
      for (let c = 0; c < C; c += LANES) {
        const at = min(c, C - LANES) << 2;
        const a = v128.load(upper + left + at);
        const b = v128.load(lower + left + at);
        const above = f32x4.add(a, f32x4.mul(f32x4.sub(v128.load(upper + right + at), a), across));
        const below = f32x4.add(b, f32x4.mul(f32x4.sub(v128.load(lower + right + at), b), across));
        v128.store(to + at, f32x4.add(above, f32x4.mul(f32x4.sub(below, above), down)));
      }
      to += pixel;
    }
  }
}
