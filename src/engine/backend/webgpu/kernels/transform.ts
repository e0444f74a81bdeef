import type { Matrix } from '../../../winograd.ts';

/**
 * WGSL of y = matrix·x for named values x: straight-line, sharing what rows (or columns) of points ±p have
 * in common, which differ in the sign of every other entry.
 */
export function multiplication(
  matrix: Matrix,
  x: readonly string[],
  prefix: string,
): { lines: string[]; y: string[] } {
  const emitter = new Emitter(prefix);
  return { lines: emitter.lines, y: emitter.multiply(matrix, x).map((name) => name ?? '0.0') };
}

/** A name, or null for zero. */
type Value = string | null;

class Emitter {
  readonly lines: string[] = [];
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  multiply(matrix: Matrix, x: readonly Value[]): Value[] {
    const columns = matrix[0].map((_, j) => matrix.map((row) => row[j]));
    const pair = columns.findIndex(
      (column, j) => j + 1 < columns.length && alternate(column, columns[j + 1]),
    );
    if (pair >= 0) {
      // Even rows see the sum of the two inputs, odd rows their difference.
      const [left, right] = [x[pair], x[pair + 1]];
      const names = [...x];
      names[pair] = this.#add(left, right, '+');
      names[pair + 1] = this.#add(left, right, '-');
      const rest = matrix.map((row, i) =>
        row.map((value, j) =>
          j === pair ? (i % 2 === 0 ? value : 0) : j === pair + 1 ? (i % 2 === 1 ? row[pair] : 0) : value,
        ),
      );
      return this.multiply(rest, names);
    }
    const y: Value[] = [];
    for (let i = 0; i < matrix.length; i++) {
      const next = matrix[i + 1];
      if (next && alternate(matrix[i], next)) {
        const even = this.#combine(matrix[i], x, 0);
        const odd = this.#combine(matrix[i], x, 1);
        y.push(this.#add(even, odd, '+'), this.#add(even, odd, '-'));
        i++;
      } else y.push(this.#combine(matrix[i], x));
    }
    return y;
  }

  /** Σ coefficients[j]·x[j], over all j or those of one parity. */
  #combine(coefficients: readonly number[], x: readonly Value[], parity?: number): Value {
    const terms = coefficients
      .map((c, j) => ({ c, name: x[j], j }))
      .filter(({ c, name, j }) => c !== 0 && name !== null && (parity === undefined || j % 2 === parity));
    if (terms.length === 0) return null;
    if (terms.length === 1 && terms[0].c === 1) return terms[0].name;
    // A term of coefficient 1 costs nothing at the start.
    terms.sort((a, b) => Number(b.c === 1) - Number(a.c === 1));
    const [first, ...others] = terms;
    let sum = first.c === 1 ? `${first.name}` : `${literal(first.c)} * ${first.name}`;
    for (const { c, name } of others) {
      if (Math.abs(c) === 1) sum = `(${sum} ${c === 1 ? '+' : '-'} ${name})`;
      else sum = `fma(${literal(c)}, ${name}, ${sum})`;
    }
    return this.#define(sum);
  }

  #add(a: Value, b: Value, sign: '+' | '-'): Value {
    if (b === null) return a;
    if (a === null) return sign === '+' ? b : this.#define(`-${b}`);
    return this.#define(`${a} ${sign} ${b}`);
  }

  #define(expression: string): string {
    const name = `${this.#prefix}${this.lines.length}`;
    this.lines.push(`let ${name} = ${expression};`);
    return name;
  }
}

/** Whether b is a with the sign of every other entry turned. */
function alternate(a: readonly number[], b: readonly number[]): boolean {
  const same = a.every((value, j) => Math.abs(b[j] - (j % 2 === 0 ? value : -value)) < 1e-12);
  return same && a.some((value, j) => j % 2 === 1 && value !== 0);
}

function literal(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
