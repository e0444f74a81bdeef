import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Candidate, closeBackends, openBackends } from '../../../../test/backends.ts';
import { checkCall, operand } from '../../../../test/check-ops.ts';
import type { Bound } from '../../../../test/compare.ts';
import { type Call, call } from '../../kernels.ts';
import { WasmBackend } from '../wasm.ts';

/** [N, H, W, C, K] */
type Geometry = readonly [number, number, number, number, number];

const GEOMETRIES: readonly Geometry[] = [
  // So few pixels that patches of them are multiplied: one, whole register tiles and not, several images, depths of several parts.
  [1, 1, 1, 8, 8],
  [2, 1, 2, 8, 16],
  [3, 2, 3, 16, 8],
  [4, 3, 1, 8, 8],
  [1, 5, 5, 8, 8],
  [1, 4, 4, 64, 24],
  [1, 5, 6, 256, 256],
  [2, 5, 5, 120, 40],
  // Several tiles of 5x5, less than one, more than one, odd.
  [1, 10, 10, 8, 8],
  [26, 1, 2, 8, 16],
  [9, 2, 3, 16, 8],
  [17, 3, 1, 8, 8],
  [5, 7, 7, 8, 24],
  [6, 13, 10, 24, 8],
  [7, 10, 13, 8, 8],
  [8, 6, 5, 16, 16],
  [9, 4, 7, 24, 24],
  // The widths of a network, and channels that are handed out in slices.
  [2, 10, 10, 64, 128],
  [1, 10, 5, 128, 64],
  [3, 5, 5, 128, 128],
  [3, 5, 6, 256, 256],
  // Several blocks of the output pass and several chunks of the weight gradient.
  [9, 40, 40, 8, 8],
  // Kernels so large that they go in panels and squares: several blocks of tiles, squares cut short.
  [259, 1, 2, 8, 5600],
  [6, 5, 6, 8, 10720],
  // The same with tiles of 4 and of 3, which have fewer points.
  [9, 12, 12, 16, 24],
  [9, 6, 6, 24, 16],
  [5, 4, 4, 8, 14608],
  [5, 3, 6, 8, 21000],
];

/** A first layer: one channel. */
const FIRST: readonly Geometry[] = [
  [1, 1, 1, 1, 4],
  [1, 5, 5, 1, 8],
  [2, 2, 3, 1, 12],
  [8, 7, 1, 1, 8],
  [9, 13, 10, 1, 64],
  [1, 1, 7, 1, 20],
];

const forward = ([N, H, W, C, K]: Geometry): Call =>
  call('conv3x3.forward', {
    x: operand('x', [N, H, W, C]),
    w: operand('w', [K, C, 3, 3]),
    b: operand('b', [K]),
    y: operand('y', [N, H, W, K]),
  });
const backwardInput = ([N, H, W, C, K]: Geometry): Call =>
  call('conv3x3.backwardInput', {
    dy: operand('dy', [N, H, W, K]),
    w: operand('w', [K, C, 3, 3]),
    dx: operand('dx', [N, H, W, C]),
  });
const backwardWeight = ([N, H, W, C, K]: Geometry): Call =>
  call('conv3x3.backwardWeight', {
    x: operand('x', [N, H, W, C]),
    dy: operand('dy', [N, H, W, K]),
    dw: operand('dw', [K, C, 3, 3]),
    db: operand('db', [K]),
  });

/**
 * Errors in units of float32's spacing. The definition needs less than one; Winograd's transforms cost
 * accuracy, most of all in the filters' gradient.
 */
const GROWTH = { direct: 1, winograd: 20 } as const;

async function checkAll(candidates: readonly Candidate[], geometry: Geometry, growth: number): Promise<void> {
  const [N, H, W, C, K] = geometry;
  const bound = (length: number): Bound => ({ length, growth });
  await checkCall(candidates, { call: forward(geometry), bounds: { y: bound(9 * C) } });
  await checkCall(candidates, { call: backwardInput(geometry), bounds: { dx: bound(9 * K) } });
  const bounds = { dw: bound(N * H * W), db: bound(N * H * W) };
  await checkCall(candidates, { call: backwardWeight(geometry), bounds });
}

describe('convolutions by Winograd', () => {
  let candidates: Candidate[] = [];
  beforeAll(async () => {
    candidates = await openBackends();
  });
  afterAll(() => closeBackends(candidates));

  it.each(GEOMETRIES)('[%d, %d, %d, %d] to %d channels', (...geometry) =>
    checkAll(candidates, geometry, GROWTH.winograd),
  );
  it.each(FIRST)('first layer [%d, %d, %d, %d] to %d channels', (...geometry) =>
    checkAll(candidates, geometry, GROWTH.direct),
  );
});

describe('convolutions by the definition', () => {
  let candidates: Candidate[] = [];
  beforeAll(async () => {
    candidates = await openBackends({ direct: true });
  });
  afterAll(() => closeBackends(candidates));

  it.each(GEOMETRIES)('[%d, %d, %d, %d] to %d channels', (...geometry) =>
    checkAll(candidates, geometry, GROWTH.direct),
  );
});

describe('the choice of algorithm', () => {
  const work = async (call: Call, direct: boolean): Promise<[string, number][]> => {
    const backend = await WasmBackend.create({ threads: 1, direct });
    const rows = backend.profile(backend.compile([call]));
    await backend.close();
    return rows.map(({ kernel, multiplications }) => [kernel, multiplications]);
  };
  const geometry: Geometry = [2, 10, 11, 8, 16];
  // 2 x 2 x 3 tiles of 49 products for each pair of channels.
  const products = 12 * 49 * 8 * 16;

  it('multiplies patches of so few pixels that making Winograd kernels would take longer', async () => {
    const few: Geometry = [2, 5, 5, 8, 16];
    expect(await work(forward(few), false)).toEqual([
      ['conv.patches.gather', 0],
      ['conv.patches', 50 * 9 * 8 * 16],
    ]);
    expect(await work(backwardInput(few), false)).toContainEqual(['conv.patches.dx', 50 * 9 * 8 * 16]);
    expect(await work(forward([3, 5, 5, 8, 16]), false)).toContainEqual(['winograd.conv', 3 * 49 * 8 * 16]);
  });

  it('takes Winograd with 49 multiplications a tile', async () => {
    expect(await work(forward(geometry), false)).toEqual([
      ['winograd.kernel', 0],
      ['winograd.conv', products],
    ]);
    expect(await work(backwardInput(geometry), false)).toContainEqual(['winograd.conv.dx', products]);
    expect(await work(backwardWeight(geometry), false)).toContainEqual(['winograd.dw.gemm', products]);
  });

  it.each([
    [40, 64 * 49],
    [24, 25 * 49],
    [12, 9 * 36],
    [6, 4 * 25],
    [5, 49],
    [4, 36],
    [3, 25],
  ])('takes the tiles with the fewest multiplications, maps of %d', async (side, multiplications) => {
    // Enough images that none is few pixels.
    const map: Geometry = [6, side, side, 8, 8];
    const all = 6 * multiplications * 8 * 8;
    expect(await work(forward(map), false)).toContainEqual(['winograd.conv', all]);
    expect(await work(backwardInput(map), false)).toContainEqual(['winograd.conv.dx', all]);
    const products = (await work(backwardWeight(map), false)).filter(([name]) => name === 'winograd.dw.gemm');
    expect(products.reduce((sum, [, count]) => sum + count, 0)).toBe(all);
  });

  it('takes the definition where it is asked to', async () => {
    const direct = 2 * 10 * 11 * 9 * 8 * 16;
    expect(await work(forward(geometry), true)).toContainEqual(['conv.direct', direct]);
    expect(await work(backwardInput(geometry), true)).toContainEqual(['conv.direct.dx', direct]);
    expect(await work(backwardWeight(geometry), true)).toContainEqual(['conv.direct.dw', direct]);
  });

  it('takes a kernel of its own for one channel', async () => {
    expect(await work(forward([1, 4, 4, 1, 8]), false)).toEqual([['conv.first', 16 * 9 * 8]]);
  });

  it('refuses channels that do not fill the lanes', async () => {
    const backend = await WasmBackend.create({ threads: 1 });
    const odd = forward([1, 4, 4, 6, 8]);
    expect(() => backend.compile([odd])).toThrow('from 6 to 8 channels does not fit');
    await backend.close();
  });
});
