import { expect, test } from 'vitest';
import { watched } from '../../test/training.ts';
import { defaultsOf } from '../config/option.ts';
import { benchOptions } from '../config.ts';
import { WasmBackend } from '../engine/backend/wasm.ts';
import { bench } from './bench.ts';

test.each([
  ['train', 40, 48],
  ['train', 64, 64],
  ['infer', 64, 64],
] as const)('%s with crops of %i pixels: the images hold them', async (what, crop_size, size) => {
  const written = new Map<string, number>();
  const backend = watched(await WasmBackend.create({ threads: 1 }), (name, values) =>
    written.set(name, values.length),
  );
  const config = { ...defaultsOf(benchOptions), what, crop_size, width: 8, bs: 2, steps: 1 };
  const { imagesPerSecond } = await bench(config, backend);
  await backend.close();
  expect(written.get('images')).toBe(2 * size * size);
  expect(imagesPerSecond).toBeGreaterThan(0);
});
