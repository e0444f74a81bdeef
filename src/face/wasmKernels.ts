import type { Depthwise, FaceKernels, MaxPool2, Patches, Pointwise, Resize } from './kernels.ts';
import { PlainKernels } from './plainKernels.ts';
import { FACE_KERNELS } from './wasm/module.ts';

interface Exports {
  pointwise(...operands: (number | boolean)[]): void;
  depthwise(...operands: number[]): void;
  patches(...operands: number[]): void;
  maxPool2(...operands: number[]): void;
  resize(...operands: number[]): void;
}

const PAGE = 65_536;
const LANES = 4;

let compiled: WebAssembly.Module | undefined;

/** Whether this engine has WebAssembly with 128-bit SIMD. */
export function hasSimd(): boolean {
  return typeof WebAssembly === 'object' && WebAssembly.validate(moduleBytes());
}

/** The kernels as WebAssembly, four channels at a time; a sum alone, which is rare, stays as it is. */
export class WasmKernels extends PlainKernels {
  override readonly panel = LANES;
  readonly #exports: Exports;

  /** @param length values of memory */
  constructor(length: number) {
    const memory = new WebAssembly.Memory({ initial: Math.ceil((4 * length) / PAGE) });
    super(length, memory.buffer);
    // A few kilobytes: compiled at once, also where a page may not compile large modules at once.
    compiled ??= new WebAssembly.Module(moduleBytes());
    this.#exports = new WebAssembly.Instance(compiled, { env: { memory } }).exports as unknown as Exports;
  }

  override pointwise({ x, P, C, w, K, y, residual, R, relu }: Pointwise): void {
    const at = residual < 0 ? -1 : 4 * residual;
    this.#exports.pointwise(4 * x, P, C, 4 * w, K, 4 * y, at, R, relu);
  }

  override depthwise(call: Depthwise): void {
    const { x, H, W, C, w, y, stride, zeros } = call;
    if (C < LANES) super.depthwise(call);
    else this.#exports.depthwise(4 * x, H, W, C, 4 * w, 4 * y, stride, 4 * zeros);
  }

  override patches({ x, H, W, C, y, kernelH, kernelW, outW, top, left, stride }: Patches): void {
    this.#exports.patches(4 * x, H, W, C, 4 * y, kernelH, kernelW, outW, top, left, stride);
  }

  override maxPool2(call: MaxPool2): void {
    const { x, H, W, C, y } = call;
    if (C < LANES) super.maxPool2(call);
    else this.#exports.maxPool2(4 * x, H, W, C, 4 * y);
  }

  override resize(call: Resize): void {
    const { x, H, W, C, y, outH, outW } = call;
    if (C < LANES) super.resize(call);
    else this.#exports.resize(4 * x, H, W, C, 4 * y, outH, outW);
  }
}

/** The fastest kernels that this engine runs. */
export function makeKernels(length: number): FaceKernels {
  return hasSimd() ? new WasmKernels(length) : new PlainKernels(length);
}

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const text = atob(FACE_KERNELS);
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
