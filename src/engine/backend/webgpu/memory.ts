import { FerError } from '../../../errors.ts';
import type { NumericArray } from '../../backend.ts';
import type { Call } from '../../kernels.ts';
import { type Buffer, BYTES, sizeOf, type Tensor } from '../../tensor.ts';
import type { DispatchList } from './dispatches.ts';
import { bytesOf, place, type Slot } from './place.ts';
import type { Traits } from './traits.ts';
import { BUFFER_USAGE, MAP_READ } from './usage.ts';

interface GpuSlot extends Slot {
  readonly gpu: GPUBuffer;
}

const STORAGE = BUFFER_USAGE.storage | BUFFER_USAGE.copySource | BUFFER_USAGE.copyDestination;
/** Staging buffers up to this size are kept and used again. */
const KEPT_BYTES = 1 << 16;
/** Room that a slot in place of one outgrown has, over what it must hold, and up to which size. */
const GROWTH = 1.5;
const MOST_ROOMY = 64 << 20;
/** WebGPU copies whole words. */
const WORD = 4;

/** The GPU buffers of a backend: one for each persistent buffer, and slots that transient ones take in turns. */
export class GpuMemory {
  readonly #device: GPUDevice;
  readonly #label: string;
  readonly #traits: Traits;
  readonly #onFailure: (why: string) => void;
  readonly #persistent = new Map<Buffer, GPUBuffer>();
  readonly #slots: GpuSlot[] = [];
  readonly #staging = new Map<number, GPUBuffer[]>();
  #bytes = 0;
  #checks: Promise<void>[] = [];

  constructor(device: GPUDevice, label: string, traits: Traits, onFailure: (why: string) => void) {
    this.#device = device;
    this.#label = label;
    this.#traits = traits;
    this.#onFailure = onFailure;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Resolves when the GPU has said of every buffer whether it has the room. */
  async settled(): Promise<void> {
    await Promise.all(this.#checks);
    this.#checks = [];
  }

  /** The GPU buffer of a persistent buffer, zeros at first. */
  persistent(buffer: Buffer): GPUBuffer {
    const found = this.#persistent.get(buffer);
    if (found) return found;
    const bytes = bytesOf(buffer);
    if (bytes > this.#traits.bindingBytes) {
      throw new FerError(
        `${buffer.name} needs ${size(bytes)} in one buffer, and ${this.#label} takes at most ` +
          `${size(this.#traits.bindingBytes)}: use a smaller width=, less data (limit=), or device=cpu`,
      );
    }
    const what = `${size(this.#bytes + bytes)} in all with ${buffer.name}: use a smaller bs=, width= or limit=`;
    const made = this.#make(buffer.name, bytes, () => what);
    this.#persistent.set(buffer, made);
    return made;
  }

  /** Places for the transient buffers of a program. */
  place(
    calls: readonly Call[],
    { dispatches, fixed }: Pick<DispatchList, 'dispatches' | 'fixed'>,
    keep: ReadonlySet<Buffer>,
  ): Map<Buffer, GPUBuffer> {
    let taken = 0;
    /** Of these, the bytes that are the same for every batch. */
    let steady = 0;
    const earlier = [...this.#slots];
    const slots = place(dispatches, keep, this.#slots, (buffer): GpuSlot => {
      const bytes = bytesOf(buffer);
      if (bytes > this.#traits.bindingBytes) {
        const most = this.#traits.bindingBytes;
        throw new FerError(
          `a step with ${buffer.name} of ${size(bytes)} in one buffer is too large: ${this.#label} takes at most ` +
            `${size(most)}. ${fixed.has(buffer) ? 'Use a smaller width=, or device=cpu' : fitting(calls, most / bytes)}`,
        );
      }
      const before = taken;
      taken += bytes;
      if (fixed.has(buffer)) steady += bytes;
      const what = () =>
        `${size(taken)} for the values of a step. ${fitting(calls, (before - steady) / (taken - steady))}`;
      // A little more than it takes where a slot of before is too small by little: batches may grow sample by sample.
      const roomy = WORD * Math.ceil((GROWTH * bytes) / WORD);
      const outgrown = earlier.some((slot) => slot.bytes < bytes && GROWTH * slot.bytes >= bytes);
      const room = outgrown && roomy <= MOST_ROOMY ? roomy : bytes;
      const slot = { bytes: room, gpu: this.#make(buffer.name, room, what) };
      this.#slots.push(slot);
      return slot;
    });
    return new Map([...slots].map(([buffer, { gpu }]) => [buffer, gpu]));
  }

  write(to: Tensor, values: ArrayLike<number>): void {
    const { buffer, offset } = to;
    const gpu = this.persistent(buffer);
    const start = offset * BYTES[buffer.dtype];
    const bytes = asBytes(buffer, values);
    if (start % WORD === 0 && bytes.byteLength % WORD === 0) {
      this.#device.queue.writeBuffer(gpu, start, bytes);
      return;
    }
    if (start % WORD !== 0)
      throw new RangeError(`${buffer.name}: bytes are written from a multiple of ${WORD} on`);
    // Bytes behind the last whole word share theirs with what follows, which nobody may have written yet.
    const whole = Math.floor(bytes.byteLength / WORD) * WORD;
    if (start + bytes.byteLength < buffer.length) {
      throw new RangeError(`${buffer.name}: a part of it is written in multiples of ${WORD} bytes`);
    }
    const last = new Uint8Array(WORD);
    last.set(bytes.subarray(whole));
    if (whole > 0) this.#device.queue.writeBuffer(gpu, start, bytes, 0, whole);
    this.#device.queue.writeBuffer(gpu, start + whole, last);
  }

  /** The copy is ordered now; it arrives when the GPU has come so far. */
  async read({ buffer, offset, shape }: Tensor, from: GPUBuffer): Promise<NumericArray> {
    const start = offset * BYTES[buffer.dtype];
    const bytes = sizeOf(shape) * BYTES[buffer.dtype];
    const first = Math.floor(start / WORD) * WORD;
    const length = Math.ceil((start + bytes - first) / WORD) * WORD;
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(length, 16)));
    const staging =
      this.#staging.get(capacity)?.pop() ?? this.#stage(length > KEPT_BYTES ? length : capacity);
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(from, first, staging, 0, length);
    this.#device.queue.submit([encoder.finish()]);
    await staging.mapAsync(MAP_READ, 0, length);
    const copy = staging.getMappedRange(0, length).slice(start - first, start - first + bytes);
    staging.unmap();
    if (length > KEPT_BYTES) staging.destroy();
    else this.#staging.set(capacity, [...(this.#staging.get(capacity) ?? []), staging]);
    return fromBytes(buffer, copy);
  }

  #stage(bytes: number): GPUBuffer {
    return this.#device.createBuffer({
      label: 'staging',
      size: bytes,
      usage: BUFFER_USAGE.mapRead | BUFFER_USAGE.copyDestination,
    });
  }

  #make(name: string, bytes: number, what: () => string): GPUBuffer {
    this.#device.pushErrorScope('out-of-memory');
    const made = this.#device.createBuffer({ label: name, size: bytes, usage: STORAGE });
    this.#bytes += bytes;
    this.#checks.push(
      this.#device.popErrorScope().then(
        (error) => {
          if (error) this.#onFailure(`${this.#label} has no room for ${what()}`);
        },
        // A device that is lost says so itself.
        () => undefined,
      ),
    );
    return made;
  }
}

/** What to ask for instead, if a step may be so many times as large. */
function fitting(calls: readonly Call[], share: number): string {
  const augment = calls.find(({ kernel }) => kernel === 'augment');
  if (augment?.kernel !== 'augment') return 'Use a smaller bs=';
  const { out, crops } = augment.args;
  const images = Math.floor((out.shape[0] / crops) * share);
  return images > 0 ? `bs=${images} would fit` : 'Not even bs=1 fits: use a smaller width=, or device=cpu';
}

function size(bytes: number): string {
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(0)} MiB` : `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}

/** A value of f64 is the sum of two float32, which holds 48 of its 53 digits and float32's range. */
function asBytes({ dtype }: Buffer, values: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const array = arrayOf(dtype, values);
  return new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);
}

function arrayOf(dtype: Buffer['dtype'], values: ArrayLike<number>): NumericArray {
  switch (dtype) {
    case 'f32':
      return values instanceof Float32Array ? values : Float32Array.from(values);
    case 'i32':
      return values instanceof Int32Array ? values : Int32Array.from(values);
    case 'u8':
      return values instanceof Uint8Array ? values : Uint8Array.from(values);
    case 'f16':
      throw new Error('16-bit floats stay on the GPU');
    case 'f64': {
      const pairs = new Float32Array(2 * values.length);
      for (let i = 0; i < values.length; i++) {
        pairs[2 * i] = values[i];
        // Of what is not finite there is no rest.
        const rest = values[i] - pairs[2 * i];
        pairs[2 * i + 1] = Number.isNaN(rest) ? 0 : rest;
      }
      return pairs;
    }
    default:
      return dtype satisfies never;
  }
}

function fromBytes({ dtype }: Buffer, bytes: ArrayBuffer): NumericArray {
  switch (dtype) {
    case 'f32':
      return new Float32Array(bytes);
    case 'i32':
      return new Int32Array(bytes);
    case 'u8':
      return new Uint8Array(bytes);
    case 'f16':
      throw new Error('16-bit floats stay on the GPU');
    case 'f64': {
      const pairs = new Float32Array(bytes);
      return Float64Array.from({ length: pairs.length / 2 }, (_, i) => pairs[2 * i] + pairs[2 * i + 1]);
    }
    default:
      return dtype satisfies never;
  }
}
