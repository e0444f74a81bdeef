/**
 * Writes the Winograd transforms as straight-line AssemblyScript, from the matrices of `winograd.ts`:
 * the matrices are the data, this is what makes them fast. Run by the build before the kernels compile.
 *
 * Three rewritings save most of the arithmetic. Points come as ±p, so two rows (or columns) of a
 * transform differ in the sign of every other entry: the even and the odd part are computed once and
 * added and subtracted. The rows of Bᵀ are polynomials; where one point r has no partner, all rows but
 * its own share the factor (x - r), which is applied first.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Matrix, polynomial, transpose, WINOGRAD_POINTS, winogradMatrices } from '../../winograd.ts';

/** Collects statements over named v128 locals. */
class Emitter {
  readonly lines: string[] = [];
  #count = 0;

  /** Σ coefficients[i]·names[i] as a new local; null where all coefficients vanish. */
  combine(coefficients: readonly number[], names: readonly (string | null)[]): string | null {
    const terms = coefficients
      .map((c, i) => ({ c, name: names[i] }))
      .filter((term): term is { c: number; name: string } => term.c !== 0 && term.name !== null);
    if (terms.length === 0) return null;
    // A term with coefficient 1 starts the sum, or else -1, or else a product.
    const first = terms.find(({ c }) => c === 1) ?? terms[0];
    let sum = first.c === 1 ? first.name : `f32x4.mul(f32x4.splat(${literal(first.c)}), ${first.name})`;
    for (const { c, name } of terms.filter((term) => term !== first)) {
      if (c === 1) sum = `f32x4.add(${sum}, ${name})`;
      else if (c === -1) sum = `f32x4.sub(${sum}, ${name})`;
      else sum = `madd(f32x4.splat(${literal(c)}), ${name}, ${sum})`;
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
  text.replace(/\bt(\d+)/g, 'u$1').replace(/(v128\.load\(.*)\)$/, '$1, 16)');

/**
 * One function: loads the inputs at a stride, multiplies, stores the outputs at a stride. In the wide build it does so
 * for two vectors side by side.
 */
function transformFunction(
  name: string,
  inputs: number,
  body: (emitter: Emitter, x: string[]) => (string | null)[],
): string {
  const emitter = new Emitter();
  const x = Array.from({ length: inputs }, (_, i) => emitter.define(`v128.load(src + ${i} * ss)`));
  const y = body(emitter, x);
  const definitions = emitter.lines.flatMap((line) => {
    const [, name, expression] = /^const (t\d+) = (.*);$/.exec(line) as RegExpExecArray;
    return [line, `const ${twin(name)} = FER_WIDE ? ${twin(expression)} : ${name};`];
  });
  const stores = y.flatMap((value, i) => {
    const name = value ?? 'f32x4.splat(0)';
    return [
      `v128.store(dst + ${i} * ds, ${name});`,
      `if (FER_WIDE) v128.store(dst + ${i} * ds, ${twin(name)}, 16);`,
    ];
  });
  const lines = [...definitions, ...stores].map((line) => `  ${line}`).join('\n');
  return `@inline\nexport function ${name}(src: usize, ss: usize, dst: usize, ds: usize): void {\n${lines}\n}\n`;
}

/** The AssemblyScript module of all transforms of F(m, 3). */
export function transformsOf(m: number): string {
  const { n, points, outputTransform, kernelTransform } = winogradMatrices(m);
  const unit = points.indexOf(1);
  if (unit < 0) throw new Error(`the points of F(${m}, 3) must include 1: the bias gradient is read there`);
  const by = (matrix: Matrix) => (emitter: Emitter, x: string[]) => multiply(emitter, matrix, x);
  return [
    `// F(${m}, 3): written by generate.ts from the matrices of winograd.ts; do not edit.`,
    `import { madd } from '../madd';\n`,
    `export const M: usize = ${m};\nexport const TILE: usize = ${n};`,
    `/** The point 1 among a side's points: there a transformed gradient is the plain sum. */`,
    `export const UNIT: usize = ${unit};\n`,
    transformFunction('inputTransform', n, (emitter, x) => multiplyInput(emitter, points, x)),
    transformFunction('kernelTransform', 3, by(kernelTransform)),
    transformFunction('outputTransform', n, by(outputTransform)),
    transformFunction('gradientTransform', m, by(transpose(outputTransform))),
    transformFunction('kernelGradientTransform', n, by(transpose(kernelTransform))),
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = new URL('../../../../src/engine/backend/wasm/kernels/generated/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  for (const m of Object.keys(WINOGRAD_POINTS).map(Number)) {
    writeFileSync(new URL(`f${m}.ts`, folder), transformsOf(m));
  }
}
