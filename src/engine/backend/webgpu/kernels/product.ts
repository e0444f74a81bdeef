import { type Element, read, type Shader, update, write } from '../shader.ts';

/**
 * What products have in common, however they multiply: their shapes, their operands, and the loop that brings these into
 * workgroup memory.
 */

/**
 * c [M, N] = a·b for row-major c, once for each of a batch of matrices that lie one behind the other.
 * `rows` says that an operand's rows lie as in the formula (a [M, D], b [D, N]), `turned` that it is stored
 * transposed (a [D, M], b [N, D]).
 */
export interface Layouts {
  readonly a: 'rows' | 'turned';
  readonly b: 'rows' | 'turned';
}

export interface Product extends Layouts {
  readonly M: number;
  readonly N: number;
  readonly D: number;
  readonly batch?: number;
  /** Parts into which the depth is cut, each with a c of its own. */
  readonly splits?: number;
  readonly accumulate?: boolean;
}

/** One side of the product: reads its part of a tile into registers, then into workgroup memory by depth. */
interface Side {
  readonly name: 'a' | 'b';
  /** M or N. */
  readonly extent: 'p.M' | 'p.N';
  /** Rows or columns of a tile. */
  readonly width: number;
  readonly depth: number;
  readonly threads: number;
  /** Stored with the depth running fastest, so that blocks of 4x4 are turned on the way. */
  readonly deep: boolean;
  readonly fours: boolean;
}

/** What a product reads in fours, adds for each column, and adds to. */
export interface ProductSpec extends Layouts {
  /** Whether rows of a, b and c can be read in fours. */
  readonly fours: { readonly a: boolean; readonly b: boolean; readonly c: boolean };
  /** Adds a value for each column. */
  readonly bias: boolean;
  /** Adds to what is in c. */
  readonly accumulate: boolean;
}

/** Operands and numbers of its shader. */
export function productInterface({
  fours,
  bias,
  accumulate,
}: ProductSpec): Pick<Shader, 'operands' | 'numbers'> {
  const element = (inFours: boolean): Element => (inFours ? 'vec4f' : 'f32');
  return {
    operands: {
      a: read(element(fours.a)),
      b: read(element(fours.b)),
      ...(bias ? { bias: read() } : {}),
      c: accumulate ? update(element(fours.c)) : write(element(fours.c)),
    },
    numbers: { M: 'u32', N: 'u32', D: 'u32', batch: 'u32', part: 'u32' },
  };
}

/** What differs between the ways to multiply. */
interface ProductParts {
  readonly tile: { readonly rows: number; readonly columns: number; readonly depth: number };
  readonly threads: number;
  /** How four values are kept in workgroup memory. */
  readonly kept: 'vec4f' | 'vec4<f16>';
  /** WGSL of its sums, before the loop. */
  readonly start: string;
  /** WGSL that multiplies what is in workgroup memory: `tileA` and `tileB`, [depth][rows or columns / 4]. */
  readonly multiply: string;
  /** WGSL that stores the sums, from `c0` on. */
  readonly finish: string;
}

/** Declarations and body. The workgroup's outputs are at m0, n0; with several splits each sums its part of the depth. */
export function productCode(
  { a, b, fours }: ProductSpec,
  { tile: { rows, columns, depth }, threads, kept, start, multiply, finish }: ProductParts,
): { declarations: string; body: string } {
  const sides: readonly Side[] = [
    { name: 'a', extent: 'p.M', width: rows, depth, threads, deep: a === 'rows', fours: fours.a },
    { name: 'b', extent: 'p.N', width: columns, depth, threads, deep: b === 'turned', fours: fours.b },
  ];
  const both = (line: (side: Side) => string): string => sides.map(line).join('\n  ');
  const origin = ({ name }: Side): string => (name === 'a' ? 'm0' : 'n0');
  return {
    declarations: `
${both(({ name, width }) => `var<workgroup> tile${name.toUpperCase()}: array<${kept}, ${(depth * width) / 4}>;`)}
${both(loadFunction)}`,
    body: `
  let batch = group.z % p.batch;
  let from0 = group.z / p.batch * p.part;
  let end = min(from0 + p.part, p.D);
  let m0 = group.y * ${rows}u;
  let n0 = group.x * ${columns}u;
  ${start}
  ${both(registers)}
  ${both((side) => fetch(side, 'from0', origin(side)))}
  for (var d0 = from0; d0 < end; d0 += ${depth}u) {
    workgroupBarrier();
    ${both((side) => store(side, kept))}
    workgroupBarrier();
    // The next part is on its way while this one is multiplied.
    let next = d0 + ${depth}u;
    ${both((side) => fetch(side, 'next', origin(side)))}
    ${multiply}
  }
  let c0 = group.z * p.M * p.N;
  ${finish}`,
  };
}

/** Four values that follow each other in memory, zeros beyond the edges: [line][first..first + 3]. */
function loadFunction({ name, extent, deep, fours }: Side): string {
  // Lines are rows of the stored matrix; along is the direction in which it lies in memory.
  const [lines, along] = deep ? [extent, 'p.D'] : ['p.D', extent];
  const limits = deep ? 'at < lines && first < alongEnd' : 'at < linesEnd && first < along';
  const address = `(batch * ${lines} + at) * ${along} + first`;
  const head = `fn load_${name}(batch: u32, at: u32, first: u32, end: u32) -> vec4f {`;
  const names = `
  let lines = ${lines};
  let along = ${along};
  let ${deep ? 'alongEnd' : 'linesEnd'} = end;`;
  if (fours) {
    return `${head}${names}
  if (${limits}) { return ${name}((${address}) / 4u); }
  return vec4f();
}`;
  }
  const last = deep ? 'end' : 'along';
  return `${head}${names}
  var four = vec4f();
  if (${limits}) {
    let start = ${address};
    for (var i = 0u; i < 4u; i++) { if (first + i < ${last}) { four[i] = ${name}(start + i); } }
  }
  return four;
}`;
}

/** How many groups of 4 values (or blocks of 4x4) a tile has, and each thread takes. */
function shareOf({ width, depth, threads, deep }: Side): { all: number; each: number } {
  const all = deep ? (width / 4) * (depth / 4) : (width * depth) / 4;
  return { all, each: Math.ceil(all / threads) };
}

function registers(side: Side): string {
  const { each } = shareOf(side);
  const names: string[] = [];
  for (let i = 0; i < each; i++) {
    for (let j = 0; j < (side.deep ? 4 : 1); j++) names.push(`var ${side.name}Next${i}_${j} = vec4f();`);
  }
  return names.join(' ');
}

/** WGSL of a thread's place in a tile for its share `i`: depth and offset across, in values. */
function place(side: Side, i: number): { guard: string; d: string; offset: string } {
  const { width, depth, threads, name } = side;
  const { all } = shareOf(side);
  // Where a side leaves threads idle, b's work goes to those that a leaves.
  const index = name === 'b' && all < threads ? `(${threads - 1}u - thread)` : `(thread + ${i * threads}u)`;
  const guard = all % threads === 0 ? '' : `if (${index} < ${all}u) `;
  if (!side.deep) {
    return { guard, d: `(${index} / ${width / 4}u)`, offset: `(${index} % ${width / 4}u * 4u)` };
  }
  // Eight neighbouring threads take the same depth: they store to different banks.
  const blocks = depth / 4;
  return {
    guard,
    d: `(${index} / 8u % ${blocks}u * 4u)`,
    offset: `((${index} % 8u + ${index} / ${8 * blocks}u * 8u) * 4u)`,
  };
}

function fetch(side: Side, start: string, origin: string): string {
  const { name } = side;
  const { each } = shareOf(side);
  const lines: string[] = [];
  for (let i = 0; i < each; i++) {
    const { guard, d, offset } = place(side, i);
    const loads = side.deep
      ? [0, 1, 2, 3].map(
          (j) =>
            `${name}Next${i}_${j} = load_${name}(batch, ${origin} + ${offset} + ${j}u, ${start} + ${d}, end);`,
        )
      : [`${name}Next${i}_0 = load_${name}(batch, ${start} + ${d}, ${origin} + ${offset}, end);`];
    lines.push(`${guard}{ ${loads.join(' ')} }`);
  }
  return lines.join('\n    ');
}

/** @param type how four values are kept in workgroup memory */
function store(side: Side, type: ProductParts['kept']): string {
  const { name, width } = side;
  const { each } = shareOf(side);
  const memory = `tile${name.toUpperCase()}`;
  const lines: string[] = [];
  for (let i = 0; i < each; i++) {
    const { guard, d, offset } = place(side, i);
    const value = (j: number): string =>
      side.deep
        ? `vec4f(${[0, 1, 2, 3].map((k) => `${name}Next${i}_${k}[${j}]`).join(', ')})`
        : `${name}Next${i}_${j}`;
    const kept = (j: number): string => (type === 'vec4f' ? value(j) : `${type}(${value(j)})`);
    const stores = (side.deep ? [0, 1, 2, 3] : [0]).map(
      (j) => `${memory}[(${d} + ${j}u) * ${width / 4}u + ${offset} / 4u] = ${kept(j)};`,
    );
    lines.push(`${guard}{ ${stores.join(' ')} }`);
  }
  return lines.join('\n    ');
}
