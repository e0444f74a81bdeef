/**
 * The arithmetic of the detectors' graphs. Everything lies in one array of 32-bit floats; tensors are places in
 * it, counted in values. Images are NHWC with N = 1, so a pixel's channels lie side by side.
 *
 * H, W: rows and columns; C: channels of the input; K: of the result; P: pixels.
 */
export interface FaceKernels {
  readonly memory: Float32Array;
  /** Outputs that a panel of packed weights holds; see `packWeights`. */
  readonly panel: number;
  pointwise(call: Pointwise): void;
  depthwise(call: Depthwise): void;
  patches(call: Patches): void;
  maxPool2(call: MaxPool2): void;
  add(call: Add): void;
  resize(call: Resize): void;
}

/** `y[p, k] = act(bias[k] + sum over c of x[p, c] w[k, c] + residual[p, k])`: a convolution with a 1x1 kernel. */
export interface Pointwise {
  readonly x: number;
  readonly P: number;
  readonly C: number;
  /** As `packWeights` lays them out. */
  readonly w: number;
  readonly K: number;
  readonly y: number;
  /** [P, R] with R <= K: channels from R on have none. -1: none at all. */
  readonly residual: number;
  readonly R: number;
  readonly relu: boolean;
}

/**
 * A 3x3 convolution of each channel by itself. One row and column of zeros surround the input at stride 1; at
 * stride 2, where sides are even, one row below and one column to the right (TensorFlow's padding `SAME`).
 */
export interface Depthwise {
  readonly x: number;
  readonly H: number;
  readonly W: number;
  readonly C: number;
  /** [9 and the bias][C], the nine by rows. */
  readonly w: number;
  readonly y: number;
  readonly stride: 1 | 2;
  /** W * C zeros. */
  readonly zeros: number;
}

/** The pixels that each output of a row sees: `y[ow, (kh, kw, c)]`, zero outside. A product makes it a convolution. */
export interface Patches {
  readonly x: number;
  readonly H: number;
  readonly W: number;
  readonly C: number;
  readonly y: number;
  readonly kernelH: number;
  readonly kernelW: number;
  readonly outW: number;
  /** Input row of the kernel's first row, and column of its first column at output 0; they may be negative. */
  readonly top: number;
  readonly left: number;
  readonly stride: number;
}

/** The largest of each 2x2 pixels; sides are even. */
export interface MaxPool2 {
  readonly x: number;
  readonly H: number;
  readonly W: number;
  readonly C: number;
  readonly y: number;
}

/** `y[p, c] = act(a[p, c] + b[p, c])`, b with R <= C channels. */
export interface Add {
  readonly a: number;
  readonly b: number;
  readonly P: number;
  readonly C: number;
  readonly R: number;
  readonly y: number;
  readonly relu: boolean;
}

/** Bilinear interpolation between centres of pixels, the edge repeated outside them. */
export interface Resize {
  readonly x: number;
  readonly H: number;
  readonly W: number;
  readonly C: number;
  readonly y: number;
  readonly outH: number;
  readonly outW: number;
}

/** Values that packed weights take. */
export function packedSize(C: number, K: number, panel: number): number {
  return Math.ceil(K / panel) * panel * (C + 1);
}

/**
 * Weights [K, C] and bias [K] in panels of outputs, as `[K / panel][1 + C][panel]`: the bias first, then a product
 * reads one stream. The last panel is filled up with zeros.
 */
export function packWeights(w: Float32Array, bias: Float32Array, panel: number, into: Float32Array): void {
  const K = bias.length;
  const C = w.length / K;
  into.fill(0);
  for (let k = 0; k < K; k++) {
    const first = Math.floor(k / panel) * panel * (C + 1) + (k % panel);
    into[first] = bias[k];
    for (let c = 0; c < C; c++) into[first + (c + 1) * panel] = w[k * C + c];
  }
}
