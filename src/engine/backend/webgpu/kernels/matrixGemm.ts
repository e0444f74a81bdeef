import type { Tensor } from '../../../tensor.ts';
import type { DispatchList } from '../dispatches.ts';
import { read, type Shader, update, write } from '../shader.ts';
import type { MatrixUnit } from '../traits.ts';
import { fetch, type Layouts, loadFunction, type Product, registers, type Side, store } from './product.ts';

/**
 * The products of gemm.ts on the matrix units of subgroups: operands are rounded to 16-bit floats on their way into
 * workgroup memory, sums are kept in 32 bits.
 */

/** Outputs of a workgroup; its subgroups, each with a block of outputs of its own; the depth held at once. */
interface MatrixTile {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly down: number;
  readonly across: number;
}

export const MATRIX_TILES = {
  large: { rows: 128, columns: 128, depth: 32, down: 2, across: 4 },
  small: { rows: 64, columns: 64, depth: 32, down: 2, across: 2 },
} as const satisfies Record<string, MatrixTile>;
export type MatrixTileName = keyof typeof MATRIX_TILES;

/** Workgroups that fill a large GPU; with fewer, smaller tiles are better although each reads more. */
const FILLING = 256;

export interface MatrixGemmSpec extends Layouts {
  readonly tile: MatrixTileName;
  readonly unit: MatrixUnit;
  readonly bias: boolean;
  readonly accumulate: boolean;
}

/** Which tile a product takes: the only place that decides it. */
export function matrixTileFor(
  { M, N, batch }: { M: number; N: number; batch: number },
  { largeMatrixTiles }: { largeMatrixTiles: boolean },
): MatrixTileName {
  const { rows, columns } = MATRIX_TILES.large;
  const fills = batch * Math.ceil(M / rows) * Math.ceil(N / columns) >= FILLING;
  return largeMatrixTiles && M > 64 && N > 64 && fills ? 'large' : 'small';
}

/** Grid and numbers as for `gemmShader`; rows of all operands are read in fours. */
export function matrixGemmShader({ tile, unit, a, b, bias, accumulate }: MatrixGemmSpec): Shader {
  const { rows, columns, depth, down, across }: MatrixTile = MATRIX_TILES[tile];
  const { M, N, K, lanes } = unit;
  const threads = down * across * lanes;
  const sideA: Side = {
    ...{ name: 'a', extent: 'p.M', width: rows, depth, threads },
    ...{ deep: a === 'rows', fours: true },
  };
  const sideB: Side = {
    ...{ name: 'b', extent: 'p.N', width: columns, depth, threads },
    ...{ deep: b === 'turned', fours: true },
  };
  /** Products of the unit in a subgroup's block. */
  const [high, wide] = [rows / down / M, columns / across / N];
  const each = (count: number, line: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => line(i)).join('\n      ');
  const block = (line: (i: number, j: number) => string): string =>
    each(high, (i) => each(wide, (j) => line(i, j)));
  const result = `subgroup_matrix_result<f32, ${N}, ${M}>`;
  const fours = (M * N) / 4;
  return {
    name: `gemm matrix ${tile} a ${a}, b ${b}${bias ? ' +bias' : ''}${accumulate ? ' +=' : ''}`,
    operands: {
      a: read('vec4f'),
      b: read('vec4f'),
      ...(bias ? { bias: read() } : {}),
      c: accumulate ? update('vec4f') : write('vec4f'),
    },
    numbers: { M: 'u32', N: 'u32', D: 'u32', batch: 'u32', part: 'u32' },
    threads,
    subgroups: 'matrices',
    declarations: `
var<workgroup> tileA: array<vec4<f16>, ${(depth * rows) / 4}>;
var<workgroup> tileB: array<vec4<f16>, ${(depth * columns) / 4}>;
// The sums of a unit of each subgroup, on their way out.
var<workgroup> sums: array<vec4f, ${down * across * fours}>;
${loadFunction(sideA)}
${loadFunction(sideB)}
fn put(c0: u32, m0: u32, n0: u32, first: u32, lane: u32) {
  for (var i = lane; i < ${fours}u; i += ${lanes}u) {
    let m = m0 + i / ${N / 4}u;
    let n = n0 + i % ${N / 4}u * 4u;
    if (m < p.M && n < p.N) {
      let at = (c0 + m * p.N + n) / 4u;
      set_c(at, ${accumulate ? 'c(at) + ' : ''}sums[first + i]${
        bias ? ' + vec4f(bias(n), bias(n + 1u), bias(n + 2u), bias(n + 3u))' : ''
      });
    }
  }
}`,
    body: `
  let batch = group.z % p.batch;
  let from0 = group.z / p.batch * p.part;
  let end = min(from0 + p.part, p.D);
  let m0 = group.y * ${rows}u;
  let n0 = group.x * ${columns}u;
  let blockM = subgroup / ${across}u * ${rows / down}u;
  let blockN = subgroup % ${across}u * ${columns / across}u;
  ${block((i, j) => `var c${i}_${j} = ${result}();`)}
  ${registers(sideA)}
  ${registers(sideB)}
  ${fetch(sideA, 'from0', 'm0')}
  ${fetch(sideB, 'from0', 'n0')}
  for (var d0 = from0; d0 < end; d0 += ${depth}u) {
    workgroupBarrier();
    ${store(sideA, 'vec4<f16>')}
    ${store(sideB, 'vec4<f16>')}
    workgroupBarrier();
    // The next part is on its way while this one is multiplied.
    let next = d0 + ${depth}u;
    ${fetch(sideA, 'next', 'm0')}
    ${fetch(sideB, 'next', 'n0')}
    for (var d = 0u; d < ${depth}u; d += ${K}u) {
      ${each(high, (i) => `let a${i} = subgroupMatrixLoad<subgroup_matrix_left<f16, ${K}, ${M}>, col_major>(&tileA, (d * ${rows}u + blockM + ${i * M}u) / 4u, ${rows / 4}u);`)}
      ${each(wide, (j) => `let b${j} = subgroupMatrixLoad<subgroup_matrix_right<f16, ${N}, ${K}>, row_major>(&tileB, (d * ${columns}u + blockN + ${j * N}u) / 4u, ${columns / 4}u);`)}
      ${block((i, j) => `c${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, b${j}, c${i}_${j});`)}
    }
  }
  let c0 = group.z * p.M * p.N;
  let lane = thread % ${lanes}u;
  let first = subgroup * ${fours}u;
  ${block(
    (i, j) => `workgroupBarrier();
      subgroupMatrixStore<row_major>(&sums, first, c${i}_${j}, ${N / 4}u);
      workgroupBarrier();
      put(c0, m0 + blockM + ${i * M}u, n0 + blockN + ${j * N}u, first, lane);`,
  )}`,
  };
}

/** Launches a product on the matrix units. */
export function pushMatrixGemm(
  list: DispatchList,
  unit: MatrixUnit,
  name: string,
  operands: { a: Tensor; b: Tensor; c: Tensor; bias?: Tensor },
  { M, N, D, a, b, batch, splits, accumulate }: Required<Product>,
): void {
  const tile = list.options.matrixTile ?? matrixTileFor({ M, N, batch: batch * splits }, list.traits);
  const { rows, columns, depth } = MATRIX_TILES[tile];
  // Parts are whole tiles deep, so that reading in fours never meets the end of a part.
  const part = Math.ceil(D / splits / depth) * depth;
  list.push(
    matrixGemmShader({ tile, unit, a, b, bias: operands.bias !== undefined, accumulate }),
    [Math.ceil(N / columns), Math.ceil(M / rows), batch * splits],
    operands,
    { M, N, D, batch, part },
    {
      kernel: name,
      multiplications: batch * M * N * D,
      detail: `${batch > 1 ? `${batch} of ` : ''}${M}x${N}x${D}`,
    },
  );
}
