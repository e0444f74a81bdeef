import { FerError } from '../../../errors.ts';

/** An adapter and what must live as long as it is used. */
export interface OpenAdapter {
  readonly adapter: GPUAdapter;
  /** For people. */
  readonly label: string;
  /** Keeps Dawn alive in Node; dropped when the backend closes, or the process would not end. */
  gpu: GPU | null;
}

/**
 * Dawn in Node: kernels here never leave their buffers, so checking every index would only cost time, as
 * would clearing workgroup memory that is written before it is read. Times are wanted to the nanosecond.
 */
const DAWN_OPTIONS = [
  'enable-dawn-features=disable_robustness,disable_workgroup_init',
  'disable-dawn-features=timestamp_quantization',
];

/** `Object.assign(globalThis, globals)` is for programs; a library leaves the globals alone. */
async function openGpu(): Promise<GPU | null> {
  if (typeof process === 'undefined' || !process.versions?.node) return navigator.gpu ?? null;
  // The name is not a literal: the package is optional, and its types are those of the browser's library.
  const name = 'webgpu';
  try {
    const { create } = (await import(name)) as { create(options: string[]): GPU };
    return create(DAWN_OPTIONS);
  } catch {
    return null;
  }
}

/**
 * Whether a GPU can be there at all. On Linux Dawn complains on standard error where it finds no driver, so
 * it is not asked where the kernel shows no graphics device and nobody names a driver.
 */
async function worthAsking(): Promise<boolean> {
  if (typeof process === 'undefined' || process.platform !== 'linux') return true;
  const { VK_ICD_FILENAMES, VK_DRIVER_FILES, VK_ADD_DRIVER_FILES } = process.env;
  if (VK_ICD_FILENAMES || VK_DRIVER_FILES || VK_ADD_DRIVER_FILES) return true;
  const { existsSync } = await import('node:fs');
  return ['/dev/dri', '/dev/nvidiactl', '/dev/nvidia0', '/dev/dxg', '/dev/kgsl-3d0'].some((path) =>
    existsSync(path),
  );
}

/** The machine's fastest GPU, or null. A software adapter counts only where `software` asks for it. */
export async function findAdapter({ software }: { software: boolean }): Promise<OpenAdapter | null> {
  if (!(await worthAsking())) return null;
  const gpu = await openGpu();
  if (!gpu) return null;
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter || (!software && isSoftware(adapter.info))) return null;
  return { adapter, label: labelOf(adapter.info), gpu };
}

/** The same, or an error that says what was found. */
export async function openAdapter({ software }: { software: boolean }): Promise<OpenAdapter> {
  const found = await findAdapter({ software: true });
  if (!found) {
    throw new FerError(
      'no GPU adapter was found. device=webgpu needs a GPU with a Vulkan, Metal or Direct3D 12 driver (on Linux also ' +
        'the Vulkan loader, libvulkan1) and the optional package "webgpu"; in a browser, navigator.gpu. Or take device=cpu',
    );
  }
  if (!software && isSoftware(found.adapter.info)) {
    throw new FerError(
      `the only GPU adapter is ${found.label}, which computes on the CPU, and slowly: take device=cpu, or ` +
        'device=webgpu-software if you mean it',
    );
  }
  return found;
}

function isSoftware({ isFallbackAdapter, architecture }: GPUAdapterInfo): boolean {
  // Older browsers do not say which adapters are for want of a better one.
  return isFallbackAdapter ?? architecture === 'swiftshader';
}

function labelOf(info: GPUAdapterInfo): string {
  const name = info.device || [info.vendor, info.architecture].filter(Boolean).join(' ') || 'unnamed GPU';
  const driver = info.description && info.description !== name ? ` (${info.description})` : '';
  return `${name}${driver}${isSoftware(info) ? ', a software adapter' : ''}`;
}
