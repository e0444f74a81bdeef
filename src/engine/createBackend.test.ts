import { afterEach, describe, expect, it, vi } from 'vitest';
import { FerError, UsageError } from '../errors.ts';
import type { OpenAdapter } from './backend/webgpu/adapter.ts';
import { createBackend } from './createBackend.ts';

it.each(['cpu', 'reference'] as const)('mixed precision is refused by device=%s', async (device) => {
  const made = createBackend({ device, threads: 1, precision: 'mixed' });
  await expect(made).rejects.toThrow(
    `precision=mixed is for GPUs, not for device=${device}: take precision=fp32`,
  );
});

it.each([Number.NaN, -1, 1.5, 257])(
  '%d threads are refused: those that run would wait for the others',
  async (threads) => {
    for (const device of ['cpu', 'auto', 'reference'] as const) {
      const made = createBackend({ device, threads });
      await expect(made).rejects.toThrow(
        new UsageError(`threads is ${threads}, expected a whole number from 0 (one per core) to 256`),
      );
    }
  },
);

const found = vi.hoisted(() => ({ open: undefined as OpenAdapter | undefined }));
vi.mock('./backend/webgpu/adapter.ts', () => ({
  findHardware: async () => found.open,
  openAdapter: async () => found.open,
}));

describe('a GPU that cannot be opened', () => {
  const cannot = 'Some GPU cannot be opened: the driver is gone. Close other programs';
  afterEach(() => {
    found.open = undefined;
  });

  function find(): void {
    const adapter = {
      limits: {},
      features: new Set(['shader-f16']),
      requestDevice: () => Promise.reject(new Error('the driver is gone')),
    } as unknown as GPUAdapter;
    found.open = { adapter, label: 'Some GPU', language: new Set(), gpu: {} as GPU };
  }

  it('leaves device=auto to the CPU', async () => {
    find();
    const backend = await createBackend({ device: 'auto', threads: 1 });
    expect(backend.name).toBe('wasm');
    // What would keep the process alive is gone.
    expect(found.open?.gpu).toBeNull();
    await backend.close();
  });

  it.each([
    { device: 'gpu', advice: 'or take device=cpu' },
    { device: 'gpu-software', advice: 'or take device=cpu' },
    { device: 'auto', precision: 'mixed', advice: 'or take device=cpu and precision=fp32' },
  ] as const)('is an error that says what to do elsewhere: %j', async ({ advice, ...options }) => {
    find();
    const made = createBackend({ ...options, threads: 1 });
    await expect(made).rejects.toThrow(FerError);
    await expect(made).rejects.toThrow(cannot);
    await expect(made).rejects.toThrow(advice);
  });
});
