import type { NumericArray } from '../../backend.ts';
import type { Buffer, DType, Tensor } from '../../tensor.ts';
import { sizeOf } from '../../tensor.ts';

/** The array behind each buffer. */
export type Arrays = Map<Buffer, NumericArray>;

/** The arrays a program sees: the backend's persistent ones and transient ones of its own. */
export class Memory {
  readonly #persistent: Arrays;
  readonly #transient: Arrays = new Map();

  constructor(persistent: Arrays) {
    this.#persistent = persistent;
  }

  /** A tensor's elements, whatever their type; writing to them writes to the tensor. */
  values({ buffer, offset, shape }: Tensor): NumericArray {
    const arrays = buffer.lifetime === 'persistent' ? this.#persistent : this.#transient;
    let array = arrays.get(buffer);
    if (!array) {
      array = allocate(buffer.dtype, buffer.length);
      // Nothing has written here in this run.
      if (buffer.lifetime === 'transient') array.fill(Number.NaN);
      arrays.set(buffer, array);
    }
    return array.subarray(offset, offset + sizeOf(shape));
  }

  /** The elements of an f32 or f64 tensor. */
  floats(of: Tensor): Float64Array {
    return expect(this.values(of), Float64Array, of);
  }

  ints(of: Tensor): Int32Array {
    return expect(this.values(of), Int32Array, of);
  }

  bytes(of: Tensor): Uint8Array {
    return expect(this.values(of), Uint8Array, of);
  }

  /** Whether a program's run has touched a transient buffer. */
  holds(buffer: Buffer): boolean {
    return this.#transient.has(buffer);
  }

  /** Makes every transient value unusable before a run: one that is read before it is written shows as NaN. */
  forget(): void {
    for (const array of this.#transient.values()) array.fill(Number.NaN);
  }

  get persistentBytes(): number {
    return bytesOf(this.#persistent);
  }

  get transientBytes(): number {
    return bytesOf(this.#transient);
  }
}

function allocate(dtype: DType, length: number): NumericArray {
  switch (dtype) {
    case 'f32':
    case 'f64':
      return new Float64Array(length);
    case 'i32':
      return new Int32Array(length);
    case 'u8':
      return new Uint8Array(length);
    case 'f16':
      throw new Error('16-bit floats are for GPUs');
    default:
      return dtype satisfies never;
  }
}

function expect<T extends NumericArray>(array: NumericArray, kind: new () => T, of: Tensor): T {
  if (!(array instanceof kind))
    throw new TypeError(`${of.buffer.name} is ${of.buffer.dtype}, not for ${kind.name}`);
  return array;
}

function bytesOf(arrays: Arrays): number {
  return [...arrays.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
}
