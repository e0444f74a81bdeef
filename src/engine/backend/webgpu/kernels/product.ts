/** What products have in common, however they multiply: their shapes, and how operands come into workgroup memory. */

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
export interface Side {
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

/** Four values that follow each other in memory, zeros beyond the edges: [line][first..first + 3]. */
export function loadFunction({ name, extent, deep, fours }: Side): string {
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

export function registers(side: Side): string {
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

export function fetch(side: Side, start: string, origin: string): string {
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
export function store(side: Side, type: 'vec4f' | 'vec4<f16>' = 'vec4f'): string {
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
