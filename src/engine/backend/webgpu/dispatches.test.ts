import { describe, expect, it } from 'vitest';
import { FerError } from '../../../errors.ts';
import { call } from '../../kernels.ts';
import { type Tensor, tensor } from '../../tensor.ts';
import { DispatchList, MOST_GROUPS } from './dispatches.ts';
import { pushColumnSums } from './kernels/sums.ts';
import { lowerCalls } from './lower.ts';
import { GpuMemory } from './memory.ts';
import type { Shader } from './shader.ts';
import type { GpuLoweringOptions, Traits } from './traits.ts';

/** A GPU that nothing has to run on. */
const TRAITS: Traits = {
  largeTiles: true,
  largeMatrixTiles: true,
  subgroup: null,
  matrices: null,
  timestamps: false,
  bindingBytes: 2 ** 27,
};
const listOf = (options: GpuLoweringOptions = {}) => new DispatchList(TRAITS, options);

describe('grids', () => {
  const SHADER: Shader = { name: 'kernel x4', operands: {}, numbers: {}, threads: 64, body: '' };

  it('are refused where WebGPU would', () => {
    const list = listOf();
    list.push(SHADER, [MOST_GROUPS, 1, MOST_GROUPS], {});
    expect(list.dispatches).toHaveLength(1);
    for (const groups of [
      [MOST_GROUPS + 1, 1, 1],
      [1, MOST_GROUPS + 1, 1],
      [1, 1, MOST_GROUPS + 1],
    ] as const) {
      const push = () => list.push(SHADER, groups, {});
      expect(push).toThrow(FerError);
      expect(push).toThrow(
        `kernel x4 needs a grid of ${groups.join('x')} workgroups, and WebGPU allows 65535`,
      );
    }
  });

  it.each([1, 3])('of column sums are folded, %d blocks of rows', (blocks) => {
    const list = listOf();
    const [rows, columns] = [256 * blocks, 32 * MOST_GROUPS + 1];
    const [x, sums] = [tensor('x', [rows, columns]), tensor('sums', [columns])];
    pushColumnSums(list, 'sums', x, sums, [rows, columns]);
    const grids = list.dispatches.map(({ groups }) => groups);
    const last = [MOST_GROUPS, 2, 1];
    expect(grids).toEqual(blocks === 1 ? [last] : [[MOST_GROUPS, 2, blocks], last]);
  });

  it('of a weight gradient by the definition are folded', () => {
    const [N, C, K] = [2, 510, 511];
    const [x, dy] = [tensor('x', [N, 2, 2, C]), tensor('dy', [N, 2, 2, K])];
    const [dw, db] = [tensor('dw', [K, C, 3, 3]), tensor('db', [K])];
    const list = listOf({ direct: true });
    lowerCalls([call('conv3x3.backwardWeight', { x, dy, dw, db })], [], list);
    const sums = list.dispatches.find(({ kernel }) => kernel === 'conv.direct.dw.sum');
    expect(sums?.groups).toEqual([MOST_GROUPS, 2, 1]);
  });
});

describe('a step that a GPU has no room for', () => {
  const [side, images] = [20, 4];

  /** Augmentation and a convolution of C to K channels. */
  function lowered(C: number, K: number): { calls: ReturnType<typeof call>[]; list: DispatchList } {
    const integers = (name: string, length: number): Tensor => tensor(name, [length], 'i32', 'persistent');
    const weights = (name: string, ...shape: number[]) => tensor(name, shape, 'f32', 'persistent');
    const sampling = { images: tensor('images', [4], 'u8', 'persistent'), order: integers('order', images) };
    const out = tensor('out', [images, side, side, 1]);
    const [x, w, b] = [tensor('x', [images, side, side, C]), weights('w', K, C, 3, 3), weights('b', K)];
    const calls = [
      call('augment', { ...sampling, out, step: integers('step', 4), size: 48, crops: 1, draws: [] }),
      call('conv3x3.forward', { x, w, b, y: tensor('y', [images, side, side, K]) }),
    ];
    const list = listOf({ chunkBytes: 2 ** 18 });
    lowerCalls(calls, [], list);
    return { calls, list };
  }

  /** Memory that cannot make the buffer of that number, counted from 1. */
  function memoryOf(bindingBytes: number, failing = 0, onFailure: (why: string) => void = () => undefined) {
    let made = 0;
    const device = {
      pushErrorScope() {},
      createBuffer: () => ({}),
      popErrorScope: async () => (++made === failing ? { message: 'no room' } : null),
    } as unknown as GPUDevice;
    return new GpuMemory(device, 'Some GPU', { ...TRAITS, bindingBytes }, onFailure);
  }

  it('in one buffer that follows from the batch: the error names a batch', () => {
    const { calls, list } = lowered(8, 64);
    const place = () => memoryOf(2 ** 18).place(calls, list, new Set());
    expect(place).toThrow(/a step with y of .* in one buffer is too large: .*bs=2 would fit/);
  });

  it('in one buffer that follows from the weights: it names none', () => {
    const { calls, list } = lowered(512, 512);
    const place = () => memoryOf(2 ** 23).place(calls, list, new Set());
    expect(place).toThrow(/a step with U of 49 MiB .* takes at most 8 MiB. Use a smaller width=/);
    expect(place).not.toThrow('bs=');
  });

  it('in all: the batch is one that fits beside what follows from the weights', async () => {
    const { calls, list } = lowered(512, 512);
    const failures: string[] = [];
    // There is room for U and one of two large buffers of four images.
    const memory = memoryOf(2 ** 27, 3, (why) => failures.push(why));
    memory.place(calls, list, new Set());
    await memory.settled();
    expect(failures).toEqual([
      expect.stringMatching(/no room for \d+ MiB for the values of a step. bs=1 would fit/),
    ]);
  });
});

it('batches that grow sample by sample take little more memory than the largest alone', () => {
  const memory = () => {
    const device = {
      pushErrorScope() {},
      createBuffer: () => ({}),
      popErrorScope: async () => null,
    } as unknown as GPUDevice;
    return new GpuMemory(device, 'Some GPU', TRAITS, () => undefined);
  };
  const placed = (into: GpuMemory, images: number): void => {
    const [x, y] = [tensor('x', [images, 40, 40, 8]), tensor('y', [images, 40, 40, 8])];
    const list = listOf({});
    const calls = [call('relu.forward', { x, y }), call('relu.forward', { x: y, y: x })];
    lowerCalls(calls, [], list);
    into.place(calls, list, new Set());
  };
  const alone = memory();
  placed(alone, 60);
  const growing = memory();
  for (let images = 1; images <= 60; images++) placed(growing, images);
  expect(growing.bytes).toBeGreaterThanOrEqual(alone.bytes);
  expect(growing.bytes).toBeLessThan(5 * alone.bytes);
  const falling = memory();
  for (let images = 60; images >= 1; images--) placed(falling, images);
  expect(falling.bytes).toBe(alone.bytes);
});
