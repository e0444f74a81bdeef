import { type Matrix, transpose, winogradMatrices } from '../../../winograd.ts';
import { GROUP_INDEX } from '../dispatches.ts';
import { read, type Shader, write } from '../shader.ts';
import { finishing } from './norm.ts';
import { multiplication } from './transform.ts';

/** Outputs of a tile's side, inputs, and points: F(5, 3) tiles maps of 40, 20, 10 and 5 exactly. */
export const M = 5;
export const TILE = M + 2;
export const POINTS = TILE * TILE;

const MATRICES = winogradMatrices(M);
/** Where both sides take point 1 a transformed gradient is the sum of its tile. */
export const UNIT_POINT = MATRICES.points.indexOf(1) * (TILE + 1);

/** Threads of a workgroup: few, as each holds a whole tile in registers. */
const THREADS = 128;

export interface Geometry {
  readonly H: number;
  readonly W: number;
  /** Channels of what is transformed. */
  readonly C: number;
}

/**
 * y = matrix·x·matrixᵀ: columns first, then rows. `x(i, j)` gives the WGSL of an element, `store` that
 * of putting one away.
 */
function twoSided(
  matrix: Matrix,
  x: (i: number, j: number) => string,
  store: (i: number, j: number, value: string) => string,
): string {
  const sides = matrix[0].length;
  const lines: string[] = [];
  /** half[j][i]: row i of matrix·(column j of x). */
  const half: string[][] = [];
  for (let j = 0; j < sides; j++) {
    const names = Array.from({ length: sides }, (_, i) => `x${i}_${j}`);
    lines.push(...names.map((name, i) => `let ${name} = ${x(i, j)};`));
    const column = multiplication(matrix, names, `h${j}_`);
    lines.push(...column.lines);
    half.push(column.y);
  }
  for (let i = 0; i < matrix.length; i++) {
    const line = multiplication(
      matrix,
      half.map((column) => column[i]),
      `r${i}_`,
    );
    lines.push(...line.lines, ...line.y.map((value, j) => store(i, j, value)));
  }
  return lines.join('\n  ');
}

/** Tiles of an image's side. */
export function tilesOf({ H, W }: { H: number; W: number }): { down: number; across: number } {
  return { down: Math.ceil(H / M), across: Math.ceil(W / M) };
}

/** The thread's channel, tile and place; tiles are counted from the first of the launch. */
const PLACE = ({ H, W, C }: Geometry): string => {
  const { down, across } = tilesOf({ H, W });
  return `
  let i = ${GROUP_INDEX} * ${THREADS}u + thread;
  if (i >= p.tiles * ${C}u) { return; }
  let c = i % ${C}u;
  let tile = i / ${C}u;
  let all = p.first + tile;
  let image = all / ${down * across}u;
  let top = i32(all / ${across}u % ${down}u) * ${M};
  let left = i32(all % ${across}u) * ${M};`;
};

/** Whether the offset (from -1) of a tile can lie outside an image, and the test for it. */
function inside(side: number, name: string, offset: number): string[] {
  const tests: string[] = [];
  if (offset < 0) tests.push(`${name} > 0`);
  if (offset >= M || side % M !== 0) tests.push(`${name} + ${offset} < ${side}`);
  return tests;
}

/** A patch of a tile from NHWC images, zeros outside; `before` pixels up and left of the tile. */
function patch(geometry: Geometry, before: number): (i: number, j: number) => string {
  const { H, W, C } = geometry;
  return (i, j) => {
    const [y, x] = [i - before, j - before];
    const tests = [...inside(H, 'top', y), ...inside(W, 'left', x)];
    const value = `pixel((corner + ${(y * W + x) * C}) + i32(c))`;
    return tests.length === 0
      ? value
      : `guarded(${tests.join(' && ')}, corner + ${(y * W + x) * C} + i32(c))`;
  };
}

const READ_PIXEL = `
fn pixel(at: i32) -> f32 { return x(u32(at)); }
fn guarded(inside: bool, at: i32) -> f32 {
  if (inside) { return x(u32(at)); }
  return 0.0;
}`;

const CORNER = ({ H, W, C }: Geometry): string =>
  `let corner = ((i32(image) * ${H} + top) * ${W} + left) * ${C};`;

/** Where a point of the thread's tile and channel lies: [POINTS, tiles, C]. */
const point = (i: number, j: number, C: number): string => `(${i * TILE + j}u * p.tiles + tile) * ${C}u + c`;

/** V = Bᵀ x B of each tile: v [POINTS, tiles, C]. A thread takes a tile and a channel. */
export function inputShader(geometry: Geometry): Shader {
  const { H, W, C } = geometry;
  return {
    name: `winograd.input ${H}x${W}x${C}`,
    operands: { x: read(), v: write() },
    numbers: { first: 'u32', tiles: 'u32' },
    threads: THREADS,
    declarations: READ_PIXEL,
    body: `${PLACE(geometry)}
  ${CORNER(geometry)}
  ${twoSided(MATRICES.inputTransform, patch(geometry, 1), (i, j, value) => `set_v(${point(i, j, C)}, ${value});`)}`,
  };
}

/** D = A dy Aᵀ of each tile, for the weight gradient: v [POINTS, tiles, C]. */
export function gradientShader(geometry: Geometry): Shader {
  const { H, W, C } = geometry;
  const matrix = transpose(MATRICES.outputTransform);
  return {
    name: `winograd.gradient ${H}x${W}x${C}`,
    operands: { x: read(), v: write() },
    numbers: { first: 'u32', tiles: 'u32' },
    threads: THREADS,
    declarations: READ_PIXEL,
    body: `${PLACE(geometry)}
  ${CORNER(geometry)}
  ${twoSided(matrix, patch(geometry, 0), (i, j, value) => `set_v(${point(i, j, C)}, ${value});`)}`,
  };
}

/** y = Aᵀ P A (+ bias) of each tile, into NHWC images; normalized with saved statistics where `norm` says so. */
export function outputShader(geometry: Geometry, bias: boolean, norm?: { relu: boolean }): Shader {
  const { H, W, C } = geometry;
  const finish = norm && finishing(C, 1, norm.relu);
  const marks = `${bias ? ' +bias' : ''}${norm ? ' norm' : ''}${norm?.relu ? ' relu' : ''}`;
  return {
    name: `winograd.output ${H}x${W}x${C}${marks}`,
    operands: { products: read(), ...(bias ? { bias: read() } : {}), ...finish?.operands, y: write() },
    numbers: { first: 'u32', tiles: 'u32' },
    threads: THREADS,
    declarations: finish?.declarations,
    body: `${PLACE(geometry)}
  ${CORNER(geometry)}
  ${bias ? 'let b = bias(c);' : ''}
  ${twoSided(
    MATRICES.outputTransform,
    (i, j) => `products(${point(i, j, C)})`,
    (i, j, value) => {
      const tests = [...inside(H, 'top', i), ...inside(W, 'left', j)];
      const plain = `${value}${bias ? ' + b' : ''}`;
      const store = `set_y(u32(corner + ${(i * W + j) * C}) + c, ${finish ? `finished(${plain}, c)` : plain});`;
      return tests.length === 0 ? store : `if (${tests.join(' && ')}) { ${store} }`;
    },
  )}`,
  };
}

/**
 * U = G w Gᵀ for each pair of channels: u [POINTS, C, K] of w [K, C, 3, 3]. With `turned` the taps are
 * turned by 180 degrees and the channels exchanged, u [POINTS, K, C]: the input gradient is a convolution with that.
 */
export function kernelShader({ K, C, turned }: { K: number; C: number; turned: boolean }): Shader {
  return {
    name: `winograd.kernel ${C} to ${K}${turned ? ' turned' : ''}`,
    operands: { w: read(), u: write() },
    numbers: {},
    threads: THREADS,
    body: `
  let i = ${GROUP_INDEX} * ${THREADS}u + thread;
  if (i >= ${K * C}u) { return; }
  ${turned ? `let k = i / ${C}u;\n  let c = i % ${C}u;` : `let c = i / ${K}u;\n  let k = i % ${K}u;`}
  let taps = (k * ${C}u + c) * 9u;
  ${twoSided(
    MATRICES.kernelTransform,
    (r, s) => `w(taps + ${turned ? 8 - (r * 3 + s) : r * 3 + s}u)`,
    (r, s, value) => `set_u(${(r * TILE + s) * K * C}u + i, ${value});`,
  )}`,
  };
}

/** dw = Gᵀ (Σ parts dU) G for each pair of channels: du [parts, POINTS, C, K], dw [K, C, 3, 3]. */
export function kernelGradientShader({ K, C }: { K: number; C: number }): Shader {
  const size = POINTS * K * C;
  return {
    name: `winograd.kernelGradient ${C} to ${K}`,
    operands: { du: read(), dw: write() },
    numbers: { parts: 'u32' },
    threads: THREADS,
    declarations: `
fn total(at: u32) -> f32 {
  var sum = du(at);
  for (var part = 1u; part < p.parts; part++) { sum += du(part * ${size}u + at); }
  return sum;
}`,
    body: `
  let i = ${GROUP_INDEX} * ${THREADS}u + thread;
  if (i >= ${K * C}u) { return; }
  let c = i / ${K}u;
  let k = i % ${K}u;
  let taps = (k * ${C}u + c) * 9u;
  ${twoSided(
    transpose(MATRICES.kernelTransform),
    (r, s) => `total(${(r * TILE + s) * K * C}u + i)`,
    (r, s, value) => `set_dw(taps + ${r * 3 + s}u, ${value});`,
  )}`,
  };
}
