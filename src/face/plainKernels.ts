import type { Add, Depthwise, FaceKernels, MaxPool2, Patches, Pointwise, Resize } from './kernels.ts';

/** Outputs of a register tile. */
const PANEL = 2;

/** The kernels in TypeScript: what any engine runs. */
export class PlainKernels implements FaceKernels {
  readonly panel: number = PANEL;
  readonly memory: Float32Array;

  /** @param length values of memory */
  constructor(length: number, buffer: ArrayBuffer = new ArrayBuffer(4 * length)) {
    this.memory = new Float32Array(buffer, 0, length);
  }

  pointwise({ x, P, C, w, K, y, residual, R, relu }: Pointwise): void {
    const m = this.memory;
    // Four pixels by two outputs: eight sums and the six factors of a step fit the processor's registers.
    for (let p = 0; p < P; p += 4) {
      const rows = Math.min(4, P - p);
      const x0 = x + p * C;
      // Pixels that are not there repeat the last one that is; their sums are thrown away.
      const x1 = x0 + (rows > 1 ? C : 0);
      const x2 = rows > 2 ? x1 + C : x1;
      const x3 = rows > 3 ? x2 + C : x2;
      for (let k = 0; k < K; k += 2) {
        let at = w + k * (C + 1);
        let s00 = m[at];
        let s01 = m[at + 1];
        let s10 = s00;
        let s11 = s01;
        let s20 = s00;
        let s21 = s01;
        let s30 = s00;
        let s31 = s01;
        for (let c = 0; c < C; c++) {
          at += 2;
          const w0 = m[at];
          const w1 = m[at + 1];
          const v0 = m[x0 + c];
          const v1 = m[x1 + c];
          const v2 = m[x2 + c];
          const v3 = m[x3 + c];
          s00 += v0 * w0;
          s01 += v0 * w1;
          s10 += v1 * w0;
          s11 += v1 * w1;
          s20 += v2 * w0;
          s21 += v2 * w1;
          s30 += v3 * w0;
          s31 += v3 * w1;
        }
        for (let j = 0; j < 2 && k + j < K; j++) {
          const to = y + p * K + k + j;
          const from = residual + p * R + k + j;
          const add = residual >= 0 && k + j < R;
          for (let r = 0; r < rows; r++) {
            let sum =
              r === 0
                ? j
                  ? s01
                  : s00
                : r === 1
                  ? j
                    ? s11
                    : s10
                  : r === 2
                    ? j
                      ? s21
                      : s20
                    : j
                      ? s31
                      : s30;
            if (add) sum += m[from + r * R];
            m[to + r * K] = relu && sum < 0 ? 0 : sum;
          }
        }
      }
    }
  }

  depthwise({ x, H, W, C, w, y, stride, zeros }: Depthwise): void {
    const m = this.memory;
    const [outH, outW] = [H / stride, W / stride];
    const pad = stride === 1 ? 1 : 0;
    for (let oh = 0; oh < outH; oh++) {
      const row = oh * stride - pad;
      const x0 = row < 0 ? zeros : x + row * W * C;
      const x1 = x + (row + 1) * W * C;
      const x2 = row + 2 < H ? x + (row + 2) * W * C : zeros;
      for (let c = 0; c < C; c++) {
        const k = w + c;
        const [w0, w1, w2] = [m[k], m[k + C], m[k + 2 * C]];
        const [w3, w4, w5] = [m[k + 3 * C], m[k + 4 * C], m[k + 5 * C]];
        const [w6, w7, w8] = [m[k + 6 * C], m[k + 7 * C], m[k + 8 * C]];
        const bias = m[k + 9 * C];
        let to = y + oh * outW * C + c;
        if (stride === 1) {
          // Three columns wander along the row: a step loads one.
          let [a0, a1, a2] = [0, 0, 0];
          let [b0, b1, b2] = [m[x0 + c], m[x1 + c], m[x2 + c]];
          for (let at = c + C; at < W * C; at += C) {
            const [c0, c1, c2] = [m[x0 + at], m[x1 + at], m[x2 + at]];
            m[to] =
              bias + a0 * w0 + b0 * w1 + c0 * w2 + a1 * w3 + b1 * w4 + c1 * w5 + a2 * w6 + b2 * w7 + c2 * w8;
            to += C;
            a0 = b0;
            a1 = b1;
            a2 = b2;
            b0 = c0;
            b1 = c1;
            b2 = c2;
          }
          m[to] = bias + a0 * w0 + b0 * w1 + a1 * w3 + b1 * w4 + a2 * w6 + b2 * w7;
        } else {
          let [a0, a1, a2] = [m[x0 + c], m[x1 + c], m[x2 + c]];
          for (let ow = 0; ow < outW; ow++) {
            const at = c + (2 * ow + 1) * C;
            const [b0, b1, b2] = [m[x0 + at], m[x1 + at], m[x2 + at]];
            const last = ow === outW - 1;
            const c0 = last ? 0 : m[x0 + at + C];
            const c1 = last ? 0 : m[x1 + at + C];
            const c2 = last ? 0 : m[x2 + at + C];
            m[to] =
              bias + a0 * w0 + b0 * w1 + c0 * w2 + a1 * w3 + b1 * w4 + c1 * w5 + a2 * w6 + b2 * w7 + c2 * w8;
            to += C;
            a0 = c0;
            a1 = c1;
            a2 = c2;
          }
        }
      }
    }
  }

  patches({ x, H, W, C, y, kernelH, kernelW, outW, top, left, stride }: Patches): void {
    const m = this.memory;
    const run = kernelW * C;
    for (let ow = 0; ow < outW; ow++) {
      const column = left + ow * stride;
      const before = Math.max(0, -column) * C;
      const end = Math.min(kernelW, W - column) * C;
      for (let kh = 0; kh < kernelH; kh++) {
        const to = y + (ow * kernelH + kh) * run;
        const row = top + kh;
        if (row < 0 || row >= H) {
          m.fill(0, to, to + run);
          continue;
        }
        const from = x + (row * W + column) * C;
        for (let i = 0; i < before; i++) m[to + i] = 0;
        for (let i = before; i < end; i++) m[to + i] = m[from + i];
        for (let i = Math.max(end, 0); i < run; i++) m[to + i] = 0;
      }
    }
  }

  maxPool2({ x, H, W, C, y }: MaxPool2): void {
    const m = this.memory;
    let to = y;
    for (let h = 0; h < H; h += 2) {
      for (let w = 0; w < W; w += 2) {
        const upper = x + (h * W + w) * C;
        const lower = upper + W * C;
        for (let c = 0; c < C; c++) {
          const a = m[upper + c];
          const b = m[upper + C + c];
          const d = m[lower + c];
          const e = m[lower + C + c];
          const top = a > b ? a : b;
          const bottom = d > e ? d : e;
          m[to++] = top > bottom ? top : bottom;
        }
      }
    }
  }

  add({ a, b, P, C, R, y, relu }: Add): void {
    const m = this.memory;
    for (let p = 0; p < P; p++) {
      for (let c = 0; c < C; c++) {
        const sum = m[a + p * C + c] + (c < R ? m[b + p * R + c] : 0);
        m[y + p * C + c] = relu && sum < 0 ? 0 : sum;
      }
    }
  }

  resize({ x, H, W, C, y, outH, outW }: Resize): void {
    const m = this.memory;
    for (let oh = 0; oh < outH; oh++) {
      const [top, bottom, down] = neighbours(oh, H, outH);
      for (let ow = 0; ow < outW; ow++) {
        const [left, right, across] = neighbours(ow, W, outW);
        const to = y + (oh * outW + ow) * C;
        const a = x + (top * W + left) * C;
        const b = x + (top * W + right) * C;
        const d = x + (bottom * W + left) * C;
        const e = x + (bottom * W + right) * C;
        for (let c = 0; c < C; c++) {
          const upper = m[a + c] + (m[b + c] - m[a + c]) * across;
          const lower = m[d + c] + (m[e + c] - m[d + c]) * across;
          m[to + c] = upper + (lower - upper) * down;
        }
      }
    }
  }
}

/** The two inputs that an output lies between, and how far it is from the first to the second. */
function neighbours(out: number, size: number, outSize: number): [number, number, number] {
  const at = Math.max(0, ((out + 0.5) * size) / outSize - 0.5);
  const first = Math.floor(at);
  return [Math.min(first, size - 1), Math.min(first + 1, size - 1), at - first];
}
