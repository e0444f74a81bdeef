import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll } from 'vitest';
import { openAdapter } from '../src/engine/backend/webgpu/adapter.ts';
import { WebGpuBackend, type WebGpuOptions } from '../src/engine/backend/webgpu.ts';
import { FerError } from '../src/errors.ts';
import { type Candidate, closeBackends } from './backends.ts';
import { FLOAT32_EPS } from './compare.ts';
import { optional } from './optional.ts';
import { ran } from './ran.ts';

/** Debian's chromium has a GPU in software; with it the tests need no graphics card. */
const SOFTWARE_DRIVER = '/usr/lib/chromium/vk_swiftshader_icd.json';

const NAMED = ['VK_ICD_FILENAMES', 'VK_DRIVER_FILES'].some((name) => process.env[name]);
// Unless somebody names a driver, it is this one wherever it is installed, so that a test says the same everywhere.
if (!NAMED && existsSync(SOFTWARE_DRIVER)) process.env.VK_ICD_FILENAMES = SOFTWARE_DRIVER;
// It looks for a Wayland display and complains on standard error where none can be.
process.env.XDG_RUNTIME_DIR ??= tmpdir();

let missing = '';
try {
  (await openAdapter({ software: true })).gpu = null;
} catch (error) {
  if (!(error instanceof FerError)) throw error;
  missing = error.message;
}

/** For `describe.runIf`: whether there is an adapter, recorded as left out if not. */
export const hasGpu = optional(
  'webgpu',
  missing === '',
  `${missing}; for tests the Debian packages chromium (a GPU in software) and libvulkan1 will do`,
);

export async function openGpu(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
  const backend = await WebGpuBackend.create({ software: true, ...options });
  const { tile, direct, chunkBytes } = options;
  const forced = [tile && `${tile} tiles`, direct && 'direct convolutions', chunkBytes && 'in chunks'];
  ran([`webgpu: ${backend.describe()}`, ...forced.filter(Boolean)].join(', '));
  return backend;
}

/** What `checkCall` runs on: the f64 tensors of a GPU are computed in float32. */
export function candidate(backend: WebGpuBackend, family = 'webgpu'): Candidate {
  return { family, backend, eps64: FLOAT32_EPS };
}

/** What `checkCall` runs on for the tests of a `describe`: filled before the first of them, closed after the last. */
export function gpuCandidates(options: WebGpuOptions = {}): readonly Candidate[] {
  const candidates: Candidate[] = [];
  beforeAll(async () => {
    candidates.push(candidate(await openGpu(options)));
  });
  afterAll(() => closeBackends(candidates));
  return candidates;
}
