/**
 * Writes the Winograd transforms as straight-line AssemblyScript, from the matrices of `winograd.ts`:
 * the matrices are the data, this is what makes them fast. Run by the build before the kernels compile.
 *
 * Three rewritings save most of the arithmetic. Points come as ±p, so two rows (or columns) of a
 * transform differ in the sign of every other entry: the even and the odd part are computed once and
 * added and subtracted. The rows of Bᵀ are polynomials; where one point r has no partner, all rows but
 * its own share the factor (x - r), which is applied first.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Matrix, polynomial, transpose, WINOGRAD_POINTS, winogradMatrices } from '../../winograd.ts';

/** Collects statements over named v128 locals: values `t…`, and constants `c…`, numbered through the module. */
class Emitter {
  readonly lines: string[] = [];
  readonly #constants: number[];
  readonly #used = new Set<number>();
  #count = 0;

  constructor(constants: number[]) {
    this.#constants = constants;
  }

  /**
   * The value in every lane. In the wide build it is loaded, as V8 puts a 256-bit constant together from
   * immediates each time it is used.
   */
  #constant(value: number): string {
    if (!this.#constants.includes(value)) this.#constants.push(value);
    const index = this.#constants.indexOf(value);
    if (!this.#used.has(index)) {
      this.#used.add(index);
      const loaded = `v128.load32_splat(constants, ${4 * index})`;
      this.lines.push(`const c${index} = FER_WIDE ? ${loaded} : f32x4.splat(${literal(value)});`);
    }
    return `c${index}`;
  }

  /** Σ coefficients[i]·names[i] as a new local; null where all coefficients vanish. */
  combine(coefficients: readonly number[], names: readonly (string | null)[]): string | null {
    const terms = coefficients
      .map((c, i) => ({ c, name: names[i] }))
      .filter((term): term is { c: number; name: string } => term.c !== 0 && term.name !== null);
    if (terms.length === 0) return null;
    // A term with coefficient 1 starts the sum, or else -1, or else a product.
    const first = terms.find(({ c }) => c === 1) ?? terms[0];
    let sum = first.c === 1 ? first.name : `f32x4.mul(${this.#constant(first.c)}, ${first.name})`;
    for (const { c, name } of terms.filter((term) => term !== first)) {
      if (c === 1) sum = `f32x4.add(${sum}, ${name})`;
      else if (c === -1) sum = `f32x4.sub(${sum}, ${name})`;
      else sum = `madd(${this.#constant(c)}, ${name}, ${sum})`;
    }
    return terms.length === 1 && first.c === 1 ? first.name : this.define(sum);
  }

  define(expression: string): string {
    const name = `t${this.#count++}`;
    this.lines.push(`const ${name} = ${expression};`);
    return name;
  }

  add(a: string | null, b: string | null): string | null {
    return a && b ? this.define(`f32x4.add(${a}, ${b})`) : (a ?? b);
  }

  sub(a: string | null, b: string | null): string | null {
    if (b === null) return a;
    return a ? this.define(`f32x4.sub(${a}, ${b})`) : this.define(`f32x4.neg(${b})`);
  }
}

function literal(value: number): string {
  const text = String(Math.fround(value) === value ? value : value);
  return `<f32>${/[.e]/.test(text) ? text : `${text}.0`}`;
}

const close = (a: number, b: number): boolean => Math.abs(a - b) < 1e-12;
const alternates = (a: readonly number[], b: readonly number[]): boolean =>
  a.every((value, j) => close(b[j], j % 2 === 0 ? value : -value)) &&
  a.some((value, j) => j % 2 === 1 && value !== 0);

/** y = matrix · x; returns the names of the outputs. */
function multiply(emitter: Emitter, matrix: Matrix, x: readonly (string | null)[]): (string | null)[] {
  const columns = transpose(matrix);
  const paired = columns.findIndex(
    (column, j) => j + 1 < columns.length && alternates(column, columns[j + 1]),
  );
  if (paired >= 0) {
    // Columns ±p: even rows see the sum of the two inputs, odd rows the difference.
    const sum = emitter.add(x[paired], x[paired + 1]);
    const difference = emitter.sub(x[paired], x[paired + 1]);
    const even = columns[paired].map((value, i) => (i % 2 === 0 ? value : 0));
    const odd = columns[paired].map((value, i) => (i % 2 === 1 ? value : 0));
    const rest = columns.map((column, j) => (j === paired ? even : j === paired + 1 ? odd : column));
    const names = x.map((name, j) => (j === paired ? sum : j === paired + 1 ? difference : name));
    return multiply(emitter, transpose(rest), names);
  }
  const y: (string | null)[] = [];
  for (let i = 0; i < matrix.length; i++) {
    const row = matrix[i];
    if (i + 1 < matrix.length && alternates(row, matrix[i + 1])) {
      const even = emitter.combine(
        row.map((value, j) => (j % 2 === 0 ? value : 0)),
        x,
      );
      const odd = emitter.combine(
        row.map((value, j) => (j % 2 === 1 ? value : 0)),
        x,
      );
      y.push(emitter.add(even, odd), emitter.sub(even, odd));
      i++;
    } else {
      y.push(emitter.combine(row, x));
    }
  }
  return y;
}

/** Bᵀ x, the factor of the unpaired point taken out first. */
function multiplyInput(emitter: Emitter, points: readonly number[], x: readonly string[]): (string | null)[] {
  const single = points.find((p) => p !== 0 && !points.includes(-p));
  const n = points.length + 1;
  const rowOf = (roots: readonly number[], length: number): number[] => {
    const row = polynomial(roots);
    return [...row, ...new Array<number>(length - row.length).fill(0)];
  };
  if (single === undefined) return multiply(emitter, winogradMatrices(n - 2).inputTransform, x);
  const reduced = Array.from({ length: n - 1 }, (_, i) => emitter.combine([-single, 1], [x[i], x[i + 1]]));
  const others = points.filter((p) => p !== single);
  const rows = [
    ...others.map((p) =>
      rowOf(
        others.filter((other) => other !== p),
        n - 1,
      ),
    ),
    rowOf(others, n - 1),
  ];
  const y = multiply(emitter, rows, reduced);
  const own = emitter.combine(rowOf(others, n), x);
  const position = points.indexOf(single);
  return [...y.slice(0, position), own, ...y.slice(position)];
}

/** The same for the vector 16 bytes further: every local `t…` has a twin `u…`. */
const twin = (text: string): string =>
  text.replace(/\bt(\d+)/g, 'u$1').replace(/(v128\.load\(.*, .*)\)$/, '$1 + 16)');

type Multiplication = (emitter: Emitter, x: string[]) => (string | null)[];

/**
 * Two functions: `NAMEDown` loads the inputs at a stride and leaves the outputs as a row of places `inputs` vectors
 * apart, `NAMEAcross` loads neighbouring inputs and stores the outputs at a stride. Down all columns of a patch, then
 * across all rows of what that left, is the transform in two dimensions. Strides that are constants cost nothing. In
 * the wide build everything is done for two vectors side by side.
 */
function transformFunctions(
  name: string,
  inputs: number,
  constants: number[],
  body: Multiplication,
): string[] {
  const write = (
    suffix: string,
    parameters: string,
    load: (i: number) => string,
    store: (i: number) => { at: string; offset: string },
  ): string => {
    const emitter = new Emitter(constants);
    const x = Array.from({ length: inputs }, (_, i) => emitter.define(load(i)));
    const y = body(emitter, x);
    const definitions = emitter.lines.flatMap((line) => {
      const [, local, expression] = /^const (\w+) = (.*);$/.exec(line) as RegExpExecArray;
      return twin(local) === local
        ? [line]
        : [line, `const ${twin(local)} = FER_WIDE ? ${twin(expression)} : ${local};`];
    });
    const stores = y.flatMap((value, i) => {
      const result = value ?? 'f32x4.splat(0)';
      const { at, offset } = store(i);
      return [
        `if (FER_WIDE) v128.store(${at}, ${twin(result)}, ${offset} + 16);`,
        `v128.store(${at}, ${result}, ${offset});`,
      ];
    });
    const lines = [...definitions, ...stores].map((line) => `  ${line}`).join('\n');
    return `@inline\nexport function ${name}${suffix}(${parameters}): void {\n${lines}\n}\n`;
  };
  return [
    write(
      'Down',
      'src: usize, stride: usize, dst: usize, constants: usize',
      (i) => `v128.load(src + ${i} * stride, 0)`,
      (i) => ({ at: 'dst', offset: `${i * inputs} * VECTOR` }),
    ),
    write(
      'Across',
      'src: usize, dst: usize, stride: usize, constants: usize',
      (i) => `v128.load(src, ${i} * VECTOR)`,
      (i) => ({ at: `dst + ${i} * stride`, offset: '0' }),
    ),
  ];
}

/** The AssemblyScript module of all transforms of F(m, 3). */
export function transformsOf(m: number): string {
  const { n, points, outputTransform, kernelTransform } = winogradMatrices(m);
  const unit = points.indexOf(1);
  if (unit < 0) throw new Error(`the points of F(${m}, 3) must include 1: the bias gradient is read there`);
  const constants: number[] = [];
  const by = (matrix: Matrix) => (emitter: Emitter, x: string[]) => multiply(emitter, matrix, x);
  const functions = [
    ...transformFunctions('input', n, constants, (emitter, x) => multiplyInput(emitter, points, x)),
    ...transformFunctions('kernel', 3, constants, by(kernelTransform)),
    ...transformFunctions('output', n, constants, by(outputTransform)),
    ...transformFunctions('gradient', m, constants, by(transpose(outputTransform))),
    ...transformFunctions('kernelGradient', n, constants, by(transpose(kernelTransform))),
  ];
  const stores = constants.map((value, i) => `  store<f32>(at, ${literal(value)}, ${4 * i});\n`);
  return [
    `// F(${m}, 3): written by generate.ts from the matrices of winograd.ts; do not edit.`,
    `import { madd } from '../madd';\nimport { VECTOR } from '../tiles';\n`,
    `export const M: usize = ${m};\nexport const TILE: usize = ${n};`,
    `/** The point 1 among a side's points: there a transformed gradient is the plain sum. */`,
    `export const UNIT: usize = ${unit};`,
    `/** Bytes of the constants, in whole cache lines. */`,
    `export const CONSTANTS: usize = ${Math.ceil(constants.length / 16) * 64};\n`,
    `/** Puts the constants of the transforms where the wide build loads them. */`,
    `@inline\nexport function storeConstants(at: usize): void {\n  if (!FER_WIDE) return;\n${stores.join('')}}\n`,
    ...functions,
  ].join('\n');
}

/** The kernels around the transforms, written for tiles of 5; those of other sizes are copies that import other transforms. */
const KERNELS = ['winograd', 'winogradGradient', 'winogradTile'];
const OTHER_TILES = [3, 4];

function kernelsOf(m: number, name: string, source: string): string {
  const above = ['madd', 'norm', 'tiles'].map((file) => [`./${file}`, `../../${file}`]);
  const imports = [['./generated/f5', `../f${m}`], ...above];
  const copy = imports.reduce((text, [from, to]) => text.replaceAll(`'${from}'`, `'${to}'`), source);
  return `// Tiles of ${m}: written by generate.ts from ${name}.ts; do not edit.\n${copy}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const kernels = new URL('../../../../src/engine/backend/wasm/kernels/', import.meta.url);
  const folder = new URL('generated/', kernels);
  mkdirSync(folder, { recursive: true });
  for (const m of Object.keys(WINOGRAD_POINTS).map(Number)) {
    writeFileSync(new URL(`f${m}.ts`, folder), transformsOf(m));
  }
  for (const m of OTHER_TILES) {
    const tiles = new URL(`tiles${m}/`, folder);
    mkdirSync(tiles, { recursive: true });
    for (const name of KERNELS) {
      const source = readFileSync(new URL(`${name}.ts`, kernels), 'utf8');
      writeFileSync(new URL(`${name}.ts`, tiles), kernelsOf(m, name, source));
    }
  }
}
