import { expect, it } from 'vitest';
import { createBackend } from './createBackend.ts';

it.each(['cpu', 'reference'] as const)('mixed precision is refused by device=%s', async (device) => {
  const made = createBackend({ device, threads: 1, precision: 'mixed' });
  await expect(made).rejects.toThrow(
    `precision=mixed is for GPUs, not for device=${device}: take precision=fp32`,
  );
});
