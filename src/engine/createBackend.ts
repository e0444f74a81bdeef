import { FerError } from '../errors.ts';
import { node } from '../platform.ts';
import type { Backend } from './backend.ts';

export interface BackendOptions {
  /** `auto` takes the fastest backend at hand. */
  readonly device: 'auto' | 'cpu' | 'reference';
  /** 0: one a core. */
  readonly threads: number;
}

/** The cores this process may use. */
export async function availableThreads(): Promise<number> {
  if (node) return node.getBuiltinModule('node:os').availableParallelism();
  return globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1;
}

/** Opens a backend; the caller closes it. */
export async function createBackend({ device, threads }: BackendOptions): Promise<Backend> {
  switch (device) {
    case 'reference': {
      const { ReferenceBackend } = await import('./backend/reference.ts');
      return new ReferenceBackend();
    }
    case 'auto':
    case 'cpu': {
      const { WasmBackend } = await import('./backend/wasm.ts');
      return WasmBackend.create({ threads: threads === 0 ? await availableThreads() : threads });
    }
    default:
      throw new FerError(`unknown device "${device satisfies never}"`);
  }
}
