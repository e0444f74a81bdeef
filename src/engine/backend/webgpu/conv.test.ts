import { describe, expect, it } from 'vitest';
import type { Candidate } from '../../../../test/backends.ts';
import { checkCall, operand, randomValues } from '../../../../test/check-ops.ts';
import { type Bound, expectClose } from '../../../../test/compare.ts';
import { gpuCandidates, hasGpu, openGpu } from '../../../../test/gpu.ts';
import { type Call, call } from '../../kernels.ts';
import { sizeOf, tensor } from '../../tensor.ts';
import { ReferenceBackend } from '../reference.ts';
import type { WebGpuOptions } from '../webgpu.ts';
import { POINTS } from './kernels/winograd.ts';

/** [N, H, W, C, K] */
type Geometry = readonly [number, number, number, number, number];

const operands = ([N, H, W, C, K]: Geometry) => ({
  x: operand('x', [N, H, W, C]),
  dx: operand('dx', [N, H, W, C]),
  w: operand('w', [K, C, 3, 3]),
  dw: operand('dw', [K, C, 3, 3]),
  b: operand('b', [K]),
  db: operand('db', [K]),
  y: operand('y', [N, H, W, K]),
  dy: operand('dy', [N, H, W, K]),
});

/**
 * Errors in units of float32's spacing, as for the CPU: the definition needs less than one, and Winograd's
 * transforms cost accuracy.
 */
const GROWTH = { direct: 1, winograd: 20 } as const;

async function checkAll(candidates: readonly Candidate[], geometry: Geometry, growth: number): Promise<void> {
  const [N, H, W, C, K] = geometry;
  const { x, dx, w, dw, b, db, y, dy } = operands(geometry);
  const bound = (length: number): Bound => ({ length, growth });
  await checkCall(candidates, { call: call('conv3x3.forward', { x, w, b, y }), bounds: { y: bound(9 * C) } });
  const backwardInput = call('conv3x3.backwardInput', { dy, w, dx });
  await checkCall(candidates, { call: backwardInput, bounds: { dx: bound(9 * K) } });
  const bounds = { dw: bound(N * H * W), db: bound(N * H * W) };
  await checkCall(candidates, { call: call('conv3x3.backwardWeight', { x, dy, dw, db }), bounds });
}

/** With each set of options the geometries, and the growth of errors. */
const SETS: readonly {
  what: string;
  options: WebGpuOptions;
  growth: number;
  geometries: readonly Geometry[];
}[] = [
  {
    what: 'by Winograd',
    options: {},
    growth: GROWTH.winograd,
    geometries: [
      // One tile of 5x5, several, less than one, more than one, odd.
      [1, 5, 5, 8, 8],
      [2, 1, 2, 8, 16],
      [3, 2, 3, 16, 8],
      [6, 13, 10, 12, 4],
      [7, 10, 13, 8, 8],
      // The widths of a network.
      [2, 10, 10, 64, 128],
      [3, 5, 5, 128, 64],
      // Sums over tiles in several parts.
      [9, 40, 40, 8, 8],
    ],
  },
  {
    what: 'by Winograd in chunks of 10 tiles',
    options: { chunkBytes: POINTS * 8 * 4 * 10 },
    growth: GROWTH.winograd,
    geometries: [
      [2, 12, 15, 8, 8],
      [3, 5, 10, 4, 8],
    ],
  },
  {
    what: 'of a first layer',
    options: {},
    growth: GROWTH.direct,
    geometries: [
      [1, 1, 1, 1, 4],
      [1, 5, 5, 1, 8],
      [2, 2, 3, 1, 12],
      [9, 13, 10, 1, 64],
      [1, 1, 7, 1, 20],
      [2, 6, 6, 1, 72],
    ],
  },
  {
    what: 'by the definition',
    options: { direct: true },
    growth: GROWTH.direct,
    geometries: [
      [1, 5, 5, 8, 8],
      [3, 2, 3, 3, 5],
      [4, 6, 1, 2, 1],
    ],
  },
];

describe.runIf(hasGpu).each(SETS)('convolutions on a GPU $what', ({ options, growth, geometries }) => {
  const candidates = gpuCandidates(options);

  it.each(geometries)('[%d, %d, %d, %d] to %d channels', (...geometry) =>
    checkAll(candidates, geometry, growth),
  );
});

describe.runIf(hasGpu)('the choice of algorithm on a GPU', () => {
  const work = async (calls: readonly Call[], options: WebGpuOptions = {}): Promise<[string, number][]> => {
    const backend = await openGpu(options);
    const rows = await backend.profile(backend.compile(calls));
    await backend.close();
    for (const { seconds } of rows) expect(seconds).toBeGreaterThanOrEqual(0);
    return rows.map(({ kernel, multiplications }) => [kernel, multiplications]);
  };
  const geometry: Geometry = [2, 10, 11, 8, 16];
  const { x, dx, w, dw, b, db, y, dy } = operands(geometry);
  const forward = call('conv3x3.forward', { x, w, b, y });
  const backwardInput = call('conv3x3.backwardInput', { dy, w, dx });
  const backwardWeight = call('conv3x3.backwardWeight', { x, dy, dw, db });
  // 2 x 2 x 3 tiles of 49 products for each pair of channels.
  const products = 12 * POINTS * 8 * 16;

  it('takes Winograd with 49 multiplications a tile', async () => {
    expect(await work([forward])).toEqual([
      ['winograd.kernel', 0],
      ['winograd.input', 0],
      ['winograd.gemm', products],
      ['winograd.output', 0],
    ]);
    expect(await work([backwardInput])).toContainEqual(['winograd.gemm.dx', products]);
    expect(await work([backwardWeight])).toContainEqual(['winograd.dw.gemm', products]);
  });

  it('transforms the input once for the output and the weight gradient', async () => {
    const kernels = (await work([forward, backwardWeight])).map(([kernel]) => kernel);
    expect(kernels.filter((kernel) => kernel.endsWith('input'))).toEqual(['winograd.input']);
    // Not if something else is written to it in between.
    const between = call('relu.forward', { x: dx, y: x });
    const again = (await work([forward, between, backwardWeight])).map(([kernel]) => kernel);
    expect(again).toContain('winograd.dw.input');
    // Nor where it does not fit a buffer at once.
    const cut = await work([forward, backwardWeight], { chunkBytes: POINTS * 16 * 4 * 5 });
    expect(cut.filter(([kernel]) => kernel === 'winograd.dw.input')).toHaveLength(3);
  });

  it('gives the same weight gradient with the tiles that the output left', async () => {
    const persistent = (name: string, shape: readonly number[]) => tensor(name, shape, 'f32', 'persistent');
    const [N, H, W, C, K] = geometry;
    const [px, pdy] = [persistent('x', [N, H, W, C]), persistent('dy', [N, H, W, K])];
    const [pw, pb, pdw, pdb] = [
      ...[persistent('w', [K, C, 3, 3]), persistent('b', [K])],
      ...[persistent('dw', [K, C, 3, 3]), persistent('db', [K])],
    ];
    const calls = [
      call('conv3x3.forward', { x: px, w: pw, b: pb, y: tensor('y', [N, H, W, K]) }),
      call('conv3x3.backwardWeight', { x: px, dy: pdy, dw: pdw, db: pdb }),
    ];
    const results = [];
    for (const backend of [new ReferenceBackend(), await openGpu()]) {
      [px, pdy, pw, pb].forEach((of, i) => {
        backend.write(of, randomValues(sizeOf(of.shape), i));
      });
      backend.run(backend.compile(calls));
      results.push(await backend.read(pdw));
      await backend.close();
    }
    expectClose(results[1], results[0], { length: N * H * W, growth: GROWTH.winograd }, 'dw');
  });

  it('takes a kernel of its own for one channel, and the definition for odd ones or where it is asked to', async () => {
    const of = (sizes: Geometry): Call => {
      const { x, w, b, y } = operands(sizes);
      return call('conv3x3.forward', { x, w, b, y });
    };
    expect(await work([of([1, 4, 4, 1, 8])])).toEqual([['conv.first', 16 * 9 * 8]]);
    expect(await work([of([1, 4, 4, 6, 8])])).toEqual([['conv.direct', 16 * 9 * 48]]);
    expect(await work([forward], { direct: true })).toEqual([['conv.direct', 220 * 9 * 8 * 16]]);
  });
});
