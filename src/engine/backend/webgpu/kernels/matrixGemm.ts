import type { Shader } from '../shader.ts';
import type { MatrixUnit } from '../traits.ts';
import { type ProductSpec, productCode, productInterface } from './product.ts';
import { MATRIX_TILES, type MatrixTile, type MatrixTileName } from './tiles.ts';

/**
 * The products of gemm.ts on the matrix units of subgroups: operands are rounded to 16-bit floats on their way into
 * workgroup memory, sums are kept in 32 bits.
 */

/** Workgroups that fill a large GPU; with fewer, smaller tiles are better although each reads more. */
const FILLING = 256;

export interface MatrixGemmSpec extends ProductSpec {
  readonly tile: MatrixTileName;
  readonly unit: MatrixUnit;
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
export function matrixGemmShader(spec: MatrixGemmSpec): Shader {
  const tile: MatrixTile = MATRIX_TILES[spec.tile];
  const { rows, columns, depth, down, across } = tile;
  const { M, N, K, lanes } = spec.unit;
  const { a, b, bias, accumulate } = spec;
  const threads = down * across * lanes;
  /** Products of the unit in a subgroup's block. */
  const [high, wide] = [rows / down / M, columns / across / N];
  const each = (count: number, line: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => line(i)).join('\n      ');
  const block = (line: (i: number, j: number) => string): string =>
    each(high, (i) => each(wide, (j) => line(i, j)));
  const result = `subgroup_matrix_result<f32, ${N}, ${M}>`;
  const left = `subgroupMatrixLoad<subgroup_matrix_left<f16, ${K}, ${M}>, col_major>`;
  const right = `subgroupMatrixLoad<subgroup_matrix_right<f16, ${N}, ${K}>, row_major>`;
  const fours = (M * N) / 4;
  const code = productCode(spec, {
    tile,
    threads,
    kept: 'vec4<f16>',
    start: `let blockM = subgroup / ${across}u * ${rows / down}u;
  let blockN = subgroup % ${across}u * ${columns / across}u;
  ${block((i, j) => `var c${i}_${j} = ${result}();`)}`,
    multiply: `for (var d = 0u; d < ${depth}u; d += ${K}u) {
      ${each(high, (i) => `let a${i} = ${left}(&tileA, (d * ${rows}u + blockM + ${i * M}u) / 4u, ${rows / 4}u);`)}
      ${each(wide, (j) => `let b${j} = ${right}(&tileB, (d * ${columns}u + blockN + ${j * N}u) / 4u, ${columns / 4}u);`)}
      ${block((i, j) => `c${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, b${j}, c${i}_${j});`)}
    }`,
    finish: `let lane = thread % ${lanes}u;
  let first = subgroup * ${fours}u;
  ${block(
    (i, j) => `workgroupBarrier();
      subgroupMatrixStore<row_major>(&sums, first, c${i}_${j}, ${N / 4}u);
      workgroupBarrier();
      put(c0, m0 + blockM + ${i * M}u, n0 + blockN + ${j * N}u, first, lane);`,
  )}`,
  });
  return {
    name: `gemm matrix ${spec.tile} a ${a}, b ${b}${bias ? ' +bias' : ''}${accumulate ? ' +=' : ''}`,
    ...productInterface(spec),
    threads,
    subgroups: 'matrices',
    declarations: `${code.declarations}
// The sums of a unit of each subgroup, on their way out.
var<workgroup> sums: array<vec4f, ${down * across * fours}>;
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
    body: code.body,
  };
}
