import type { Tensor } from '../../../tensor.ts';
import type { DispatchList } from '../dispatches.ts';
import type { Shader } from '../shader.ts';
import { matricesOf } from '../traits.ts';
import { matrixGemmShader, matrixTileFor } from './matrixGemm.ts';
import { type Product, type ProductSpec, productCode, productInterface } from './product.ts';
import { MATRIX_TILES, TILES, type Tile, type TileName } from './tiles.ts';

/** Workgroups that fill a large GPU; with fewer, smaller tiles are better although each reads more. */
const FILLING = 512;

/** Which tile a product takes: the only place that decides it. Rows that are no multiple of four are rare. */
export function tileFor(
  { M, N, batch, inFours }: { M: number; N: number; batch: number; inFours: boolean },
  { largeTiles }: { largeTiles: boolean },
): TileName {
  const fills = (name: TileName): boolean =>
    batch * Math.ceil(M / TILES[name].rows) * Math.ceil(N / TILES[name].columns) >= FILLING;
  if (M <= 32 || N <= 32 || !inFours || !largeTiles) return 'least';
  if (M > 64 && N > 64 && fills('large')) return 'large';
  if (M > 64 && fills('tall')) return 'tall';
  return fills('square') ? 'square' : 'small';
}

export interface GemmSpec extends ProductSpec {
  readonly tile: TileName;
}

/**
 * Grid: columns of tiles, rows of tiles, batch·splits. With several splits each sums a part of the depth
 * into a c of its own: c [splits, batch, M, N].
 */
export function gemmShader(spec: GemmSpec): Shader {
  const tile: Tile = TILES[spec.tile];
  const { rows, columns, depth, threadRows, threadColumns } = tile;
  const across = columns / threadColumns;
  const threads = (rows / threadRows) * across;
  const { fours } = spec;
  const marks = [
    ...['a', 'b', 'c'].map((name) => (fours[name as 'a'] ? name.toUpperCase() : name)),
    ...(spec.bias ? ['+bias'] : []),
    ...(spec.accumulate ? ['+='] : []),
  ];
  return {
    name: `gemm ${spec.tile} a ${spec.a}, b ${spec.b} ${marks.join('')}`,
    ...productInterface(spec),
    threads,
    ...productCode(spec, {
      tile,
      threads,
      kept: 'vec4f',
      start: `let tx = thread % ${across}u;
  let ty = thread / ${across}u;
  ${sums(tile, (i, j) => `var c${i}_${j} = vec4f();`)}`,
      multiply: `for (var d = 0u; d < ${depth}u; d++) {
      ${fragments('A', rows, threadRows, 'ty')}
      ${fragments('B', columns, threadColumns, 'tx')}
      ${sums(tile, (i, j) => `c${i}_${j} = fma(vec4f(a${i >> 2}[${i & 3}]), b${j}, c${i}_${j});`)}
    }`,
      finish: sums(tile, (i, j) => output(spec, tile, i, j)),
    }),
  };
}

/** A statement for each sum of a thread: row i of its rows, four columns j. */
function sums({ threadRows, threadColumns }: Tile, statement: (i: number, j: number) => string): string {
  const lines: string[] = [];
  for (let i = 0; i < threadRows; i++) {
    for (let j = 0; j < threadColumns / 4; j++) lines.push(statement(i, j));
  }
  return lines.join('\n      ');
}

/**
 * A thread's rows (or columns) are groups of four, half a tile apart: neighbouring threads then read
 * neighbouring words of workgroup memory.
 */
function fragments(side: 'A' | 'B', width: number, perThread: number, index: string): string {
  return Array.from({ length: perThread / 4 }, (_, part) => {
    const start = (part * width) / (perThread / 4) / 4;
    return `let ${side.toLowerCase()}${part} = tile${side}[d * ${width / 4}u + ${start}u + ${index}];`;
  }).join('\n      ');
}

function output({ fours, bias, accumulate }: GemmSpec, tile: Tile, i: number, j: number): string {
  const { rows, columns, threadRows, threadColumns } = tile;
  const m = `(m0 + ${(i >> 2) * (rows / (threadRows / 4))}u + ty * 4u + ${i & 3}u)`;
  const n = `(n0 + ${j * (columns / (threadColumns / 4))}u + tx * 4u)`;
  const sum = `c${i}_${j}`;
  if (fours.c) {
    const at = `(c0 + ${m} * p.N + ${n}) / 4u`;
    const biased = bias
      ? `${sum} + vec4f(bias(${n}), bias(${n} + 1u), bias(${n} + 2u), bias(${n} + 3u))`
      : sum;
    return `if (${m} < p.M && ${n} < p.N) { set_c(${at}, ${accumulate ? `c(${at}) + ` : ''}${biased}); }`;
  }
  return `if (${m} < p.M) { for (var k = 0u; k < 4u; k++) { if (${n} + k < p.N) {
        let at = c0 + ${m} * p.N + ${n} + k;
        set_c(at, ${accumulate ? 'c(at) + ' : ''}${sum}[k]${bias ? ` + bias(${n} + k)` : ''});
      } } }`;
}

/** Launches a product. */
export function pushGemm(
  list: DispatchList,
  name: string,
  operands: { a: Tensor; b: Tensor; c: Tensor; bias?: Tensor },
  { M, N, D, a, b, batch = 1, splits = 1, accumulate = false }: Product,
): void {
  const fours = {
    a: (a === 'rows' ? D : M) % 4 === 0 && operands.a.offset % 4 === 0,
    b: (b === 'rows' ? N : D) % 4 === 0 && operands.b.offset % 4 === 0,
    c: N % 4 === 0 && operands.c.offset % 4 === 0,
  };
  const spec = { a, b, fours, bias: operands.bias !== undefined, accumulate };
  const { shader, tile } = productShader(list, spec, { M, N, batch: batch * splits });
  const { rows, columns, depth } = tile;
  // Parts are whole tiles deep, so that reading in fours never meets the end of a part.
  const part = Math.ceil(D / splits / depth) * depth;
  list.push(
    shader,
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

/** The shader of a product and its tile: on matrix units where there are some and rows are read in fours. */
function productShader(
  { traits, options }: DispatchList,
  spec: ProductSpec,
  sizes: { M: number; N: number; batch: number },
): { shader: Shader; tile: Pick<Tile, 'rows' | 'columns' | 'depth'> } {
  const { fours } = spec;
  const inFours = fours.a && fours.b && fours.c;
  const unit = matricesOf(traits, options);
  if (unit && inFours) {
    const name = options.matrixTile ?? matrixTileFor(sizes, traits);
    return { shader: matrixGemmShader({ ...spec, tile: name, unit }), tile: MATRIX_TILES[name] };
  }
  const forced = inFours ? options.tile : undefined;
  const name = forced ?? tileFor({ ...sizes, inFours }, traits);
  return { shader: gemmShader({ ...spec, tile: name }), tile: TILES[name] };
}
