import { FerError, UsageError } from '../errors.ts';
import { node } from '../platform.ts';
import type { Backend } from './backend.ts';

export const DEVICES = ['auto', 'cpu', 'gpu', 'gpu-software', 'reference'] as const;
export type Device = (typeof DEVICES)[number];

/** How a network's values are stored between its layers. */
export const PRECISIONS = ['fp32', 'mixed'] as const;

export interface BackendOptions {
  /**
   * `auto` takes a hardware GPU if there is one, else the CPU; `gpu-software` takes the fastest adapter, software ones
   * allowed; `reference` is the definition, in float64.
   */
  readonly device: Device;
  /** Of the CPU; 0: one per core. */
  readonly threads: number;
  /**
   * `mixed` keeps values between layers in 16-bit floats and multiplies on the matrix units of a GPU; `fp32`, the default,
   * computes in 32 bits throughout.
   */
  readonly precision?: (typeof PRECISIONS)[number];
  /** How many samples will go through the network, if that is known: `auto` leaves a GPU alone for a few. */
  readonly samples?: number;
}

/** A GPU's driver, and compiling for it, take a second or two: as long as a CPU takes for so many samples. */
const WORTH_A_GPU = 300;

/** More than any machine has cores that would help. */
export const MOST_THREADS = 256;

/** The cores this process may use. */
export async function availableThreads(): Promise<number> {
  if (node) return node.getBuiltinModule('node:os').availableParallelism();
  return globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1;
}

/**
 * Opens a backend; the caller closes it. The code of a backend is loaded when it is asked for.
 *
 * @throws FerError if there is no such device here, or it cannot compute with that precision
 * @throws UsageError for a number of threads that there cannot be
 */
export async function createBackend(options: BackendOptions): Promise<Backend> {
  const { device, threads, samples, precision = 'fp32' } = options;
  // Threads that wait for one that was never started would wait for ever.
  if (!(Number.isInteger(threads) && threads >= 0 && threads <= MOST_THREADS)) {
    throw new UsageError(
      `threads is ${threads}, expected a whole number from 0 (one per core) to ${MOST_THREADS}`,
    );
  }
  const mixed = precision === 'mixed';
  if (mixed && (device === 'cpu' || device === 'reference')) {
    throw new FerError(`precision=mixed is for GPUs, not for device=${device}: take precision=fp32`);
  }
  switch (device) {
    case 'reference': {
      const { ReferenceBackend } = await import('./backend/reference.ts');
      return new ReferenceBackend();
    }
    case 'gpu':
    case 'gpu-software': {
      const { WebGpuBackend } = await import('./backend/webgpu.ts');
      return WebGpuBackend.create({ software: device === 'gpu-software', mixed });
    }
    case 'auto': {
      const gpu = !mixed && (samples ?? WORTH_A_GPU) < WORTH_A_GPU ? null : await openHardware(mixed);
      if (!gpu && mixed)
        throw new FerError('precision=mixed is for GPUs, and none was found: take precision=fp32');
      return gpu ?? createBackend({ device: 'cpu', threads });
    }
    case 'cpu': {
      const { WasmBackend } = await import('./backend/wasm.ts');
      return WasmBackend.create({ threads: threads === 0 ? await availableThreads() : threads });
    }
    default:
      throw new FerError(`unknown device "${device satisfies never}"`);
  }
}

/** The hardware GPU, if there is one; where the CPU can take its place, also only if it can be opened. */
async function openHardware(mixed: boolean): Promise<Backend | null> {
  const { findHardware } = await import('./backend/webgpu/adapter.ts');
  const found = await findHardware();
  if (!found) return null;
  const { WebGpuBackend } = await import('./backend/webgpu.ts');
  try {
    return await WebGpuBackend.on(found, { mixed });
  } catch (error) {
    if (mixed || !(error instanceof FerError)) throw error;
    return null;
  }
}
