/** `f16` is how a GPU may store values between its kernels; nothing of it is written or read from outside. */
export type DType = 'f32' | 'f64' | 'i32' | 'u8' | 'f16';

/** Bytes of one element on a device. `reference` widens f32 to float64. */
export const BYTES: Readonly<Record<DType, number>> = { f32: 4, f64: 8, i32: 4, u8: 1, f16: 2 };

/**
 * A piece of device memory. A `persistent` buffer lives as long as its backend and starts as zeros;
 * a `transient` one holds a value inside one run of one program, so programs may share its place.
 */
export interface Buffer {
  readonly name: string;
  readonly dtype: DType;
  readonly length: number;
  readonly lifetime: 'persistent' | 'transient';
}

/** A row-major view of a buffer; `offset` counts elements. Images are NHWC. */
export interface Tensor {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly shape: readonly number[];
}

/** The number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** A new buffer that is its own tensor. */
export function tensor(
  name: string,
  shape: readonly number[],
  dtype: DType = 'f32',
  lifetime: Buffer['lifetime'] = 'transient',
): Tensor {
  return { buffer: { name, dtype, length: sizeOf(shape), lifetime }, offset: 0, shape };
}

/** A view of `length(shape)` elements of `of`, from `offset` elements on. */
export function view(of: Tensor, offset: number, shape: readonly number[]): Tensor {
  const end = offset + sizeOf(shape);
  if (offset < 0 || end > sizeOf(of.shape)) {
    throw new RangeError(`view ${offset}..${end} leaves ${of.buffer.name} of ${sizeOf(of.shape)} elements`);
  }
  return { buffer: of.buffer, offset: of.offset + offset, shape };
}

/**
 * What every backend asks of a `write`.
 *
 * @throws Error for a transient tensor
 * @throws RangeError for more values than the tensor holds
 */
export function checkWrite({ buffer, shape }: Tensor, values: ArrayLike<number>): void {
  if (buffer.lifetime !== 'persistent') throw new Error(`${buffer.name} is transient: it cannot be written`);
  if (values.length > sizeOf(shape)) {
    throw new RangeError(`${values.length} values for ${buffer.name} of ${sizeOf(shape)}`);
  }
}
