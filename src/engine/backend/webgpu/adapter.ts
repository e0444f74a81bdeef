import { FerError } from '../../../errors.ts';
import { node } from '../../../platform.ts';

/** An adapter and what must live as long as it is used. */
export interface OpenAdapter {
  readonly adapter: GPUAdapter;
  /** For people. */
  readonly label: string;
  /** What its WGSL has beyond the first version. */
  readonly language: ReadonlySet<string>;
  /** Keeps Dawn alive in Node; dropped when the backend closes, or the process would not end. */
  gpu: GPU | null;
}

/**
 * Dawn in Node: kernels here never leave their buffers, so checking every index would only cost time, as
 * would clearing workgroup memory that is written before it is read. Times are wanted to the nanosecond. The last two
 * let it offer what it keeps back: matrix units, an experiment still, and 16-bit floats on NVIDIA.
 */
const DAWN_OPTIONS = [
  'enable-dawn-features=disable_robustness,disable_workgroup_init,allow_unsafe_apis,vulkan_enable_f16_on_nvidia',
  'disable-dawn-features=timestamp_quantization',
];

/** WebGPU's entry, and why there is none: in Node that of the package `webgpu`, whose globals are for programs. */
async function openGpu(): Promise<{ gpu: GPU | null; why: string }> {
  if (!node) {
    const gpu = navigator.gpu ?? null;
    return { gpu, why: gpu ? '' : 'this browser has no navigator.gpu here (it needs https or localhost)' };
  }
  // The name is not a literal: the package is optional, and its types are those of the browser's library.
  const name = 'webgpu';
  try {
    const { create } = (await import(/* @vite-ignore */ name)) as { create(options: string[]): GPU };
    return { gpu: create(DAWN_OPTIONS), why: '' };
  } catch (error) {
    const [line] = String(error instanceof Error ? error.message : error).split('\n');
    return { gpu: null, why: `the optional package "webgpu" cannot be loaded (${line}): npm install webgpu` };
  }
}

/** What Linux shows where there is a GPU, and where its drivers announce themselves to the Vulkan loader. */
const DEVICES = ['/dev/dri', '/dev/nvidiactl', '/dev/dxg', '/dev/kgsl-3d0'];
const DRIVERS = ['/etc', '/usr/share', '/usr/local/share', '/run/opengl-driver/share'].map(
  (folder) => `${folder}/vulkan/icd.d`,
);

/**
 * Whether a GPU can be there at all. Asking costs a Linux machine without one a second, and complaints of its
 * drivers on standard error, so nobody asks who was not told to.
 */
async function isPlausible(): Promise<boolean> {
  if (node?.platform !== 'linux') return true;
  const { existsSync, readdirSync } = node.getBuiltinModule('node:fs');
  if (!DEVICES.some((path) => existsSync(path))) return false;
  const { VK_ICD_FILENAMES, VK_DRIVER_FILES, VK_ADD_DRIVER_FILES, XDG_DATA_HOME, HOME } = process.env;
  if (VK_ICD_FILENAMES || VK_DRIVER_FILES || VK_ADD_DRIVER_FILES) return true;
  const own = `${XDG_DATA_HOME || `${HOME}/.local/share`}/vulkan/icd.d`;
  return [...DRIVERS, own].some((folder) => existsSync(folder) && readdirSync(folder).length > 0);
}

/** The machine's fastest hardware GPU, or null: what `auto` takes. */
export async function findHardware(): Promise<OpenAdapter | null> {
  if (!(await isPlausible())) return null;
  const { found } = await request();
  return found && !isSoftware(found.adapter.info) ? found : null;
}

/**
 * The machine's fastest GPU.
 *
 * @throws FerError if there is none, or only one in software and `software` does not allow it
 */
export async function openAdapter({ software }: { software: boolean }): Promise<OpenAdapter> {
  const { found, why } = await request();
  if (!found) {
    throw new FerError(
      `no GPU was found: ${why || 'no driver offers one'}. A GPU needs a driver for Vulkan, Metal or Direct3D 12; on ` +
        'Linux the Vulkan loader as well (Debian: libvulkan1). Or take device=cpu',
    );
  }
  if (!software && isSoftware(found.adapter.info)) {
    throw new FerError(
      `the only GPU is ${found.label}, which computes on the CPU, and slowly: take device=cpu, or ` +
        'device=gpu-software if you mean it',
    );
  }
  return found;
}

async function request(): Promise<{ found: OpenAdapter | null; why: string }> {
  const { gpu, why } = await openGpu();
  const adapter = await gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!gpu || !adapter) return { found: null, why };
  const language = gpu.wgslLanguageFeatures as ReadonlySet<string>;
  return { found: { adapter, label: labelOf(adapter.info), language, gpu }, why };
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
