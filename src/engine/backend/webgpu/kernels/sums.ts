import { sizeOf, type Tensor } from '../../../tensor.ts';
import { type DispatchList, GROUP_INDEX, row } from '../dispatches.ts';
import { read, type Shader, THREADS, write } from '../shader.ts';

/** Columns of a workgroup; the rest of its threads takes other rows. */
const ACROSS = 32;
const DOWN = THREADS / ACROSS;
/** Rows of a block, and the number of blocks of the first of two passes. */
const LEAST_ROWS = 256;
const MOST_BLOCKS = 256;
/** Elements of a block of a sum over everything. */
const LEAST_ELEMENTS = 4096;

/**
 * Sums of the columns of x [rows, columns], for each block of rows: sums [blocks, columns]. Grid: a folded row of
 * columns, blocks.
 */
export const COLUMN_SUMS: Shader = {
  name: 'columnSums',
  operands: { x: read(), sums: write() },
  numbers: { rows: 'u32', columns: 'u32', block: 'u32' },
  threads: THREADS,
  declarations: `var<workgroup> shares: array<f32, ${THREADS}>;`,
  body: `
  let column = ${GROUP_INDEX} * ${ACROSS}u + thread % ${ACROSS}u;
  let rowAt = thread / ${ACROSS}u;
  let end = min((group.z + 1u) * p.block, p.rows);
  var sum = 0.0;
  if (column < p.columns) {
    for (var r = group.z * p.block + rowAt; r < end; r += ${DOWN}u) { sum += x(r * p.columns + column); }
  }
  shares[thread] = sum;
  for (var half = ${DOWN / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (rowAt < half) { shares[thread] += shares[thread + half * ${ACROSS}u]; }
  }
  if (rowAt == 0u && column < p.columns) { set_sums(group.z * p.columns + column, shares[thread]); }`,
};

/** sums [columns] = Σ over the rows of x [rows, columns], in two passes where there are many rows. */
export function pushColumnSums(
  list: DispatchList,
  kernel: string,
  x: Tensor,
  sums: Tensor,
  [rows, columns]: readonly [number, number],
): void {
  const block = Math.max(LEAST_ROWS, Math.ceil(rows / MOST_BLOCKS));
  const blocks = Math.ceil(rows / block);
  const [across, down] = row(Math.ceil(columns / ACROSS));
  const numbers = { rows, columns, block };
  if (blocks === 1) {
    list.push(COLUMN_SUMS, [across, down, 1], { x, sums }, numbers, { kernel });
    return;
  }
  const parts = list.temporary('parts', [blocks, columns]);
  list.push(COLUMN_SUMS, [across, down, blocks], { x, sums: parts }, numbers, { kernel });
  const last = { rows: blocks, columns, block: blocks };
  list.push(COLUMN_SUMS, [across, down, 1], { x: parts, sums }, last, { kernel });
}

/** Sums of each block of x, or of its squares: sums [blocks]. Grid: blocks. */
function sumsShader(squares: boolean): Shader {
  return {
    name: squares ? 'squareSum' : 'squareSum.finish',
    operands: { x: read(), sums: write() },
    numbers: { count: 'u32', block: 'u32' },
    threads: THREADS,
    declarations: `var<workgroup> shares: array<f32, ${THREADS}>;`,
    body: `
  let end = min((group.x + 1u) * p.block, p.count);
  var sum = 0.0;
  for (var i = group.x * p.block + thread; i < end; i += ${THREADS}u) {
    let value = x(i);
    sum += ${squares ? 'value * value' : 'value'};
  }
  shares[thread] = sum;
  for (var half = ${THREADS / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { shares[thread] += shares[thread + half]; }
  }
  if (thread == 0u) { set_sums(group.x, shares[0]); }`,
  };
}
const SQUARE_SUMS = sumsShader(true);
const SUM = sumsShader(false);

/** sum [1] = Σ x², in two passes. */
export function pushSquareSum(list: DispatchList, x: Tensor, sum: Tensor): void {
  const count = sizeOf(x.shape);
  const block = Math.max(LEAST_ELEMENTS, Math.ceil(count / MOST_BLOCKS));
  const blocks = Math.ceil(count / block);
  const parts = list.temporary('parts', [blocks]);
  list.push(SQUARE_SUMS, [blocks, 1, 1], { x, sums: parts }, { count, block });
  list.push(SUM, [1, 1, 1], { x: parts, sums: sum }, { count: blocks, block: blocks });
}
