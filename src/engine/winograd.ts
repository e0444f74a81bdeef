/**
 * Winograd's minimal filtering F(m, 3) by the Toom–Cook construction (Lavin & Gray, arXiv 1509.09308;
 * Blahut, "Fast Algorithms for Signal Processing"): for a filter g of 3 taps and n = m + 2 inputs d,
 *   y = Aᵀ [(G g) ⊙ (Bᵀ d)],   y_i = Σ_k d_(i+k) g_k,   i < m
 * with one multiplication for each of n points: n - 1 finite ones and infinity. In two dimensions the
 * matrices are applied to rows and columns: n² multiplications for m² outputs.
 *
 * The same matrices transposed give the gradient of the filter: dg = Gᵀ [Σ (Bᵀ d) ⊙ (A dy)].
 */
export interface WinogradMatrices {
  /** Outputs of a tile's side. */
  readonly m: number;
  /** Inputs of a tile's side: m + 2. */
  readonly n: number;
  /** The finite points; infinity is the last one. */
  readonly points: readonly number[];
  /** Aᵀ, m × n. */
  readonly outputTransform: Matrix;
  /** G, n × 3. */
  readonly kernelTransform: Matrix;
  /** Bᵀ, n × n. */
  readonly inputTransform: Matrix;
}
export type Matrix = readonly (readonly number[])[];

/** Taps of a filter's side. */
const TAPS = 3;

/**
 * Finite points for each tile size, chosen for small float32 error among those with short binary
 * fractions. Points come in pairs ±p, which halves the arithmetic of the transforms; 1 is always among
 * them, since the bias gradient is read off there.
 */
export const WINOGRAD_POINTS: Readonly<Record<number, readonly number[]>> = {
  3: [0, 1, -1, 2],
  4: [0, 1, -1, 0.625, -0.625],
  5: [0.25, -0.25, 1, -1, 2, -2],
};

/** The matrices of F(m, 3); throws RangeError for a size without points. */
export function winogradMatrices(m: number): WinogradMatrices {
  const points = WINOGRAD_POINTS[m];
  if (!points) throw new RangeError(`no Winograd points for tiles of ${m}`);
  const n = m + TAPS - 1;
  const powers = (p: number, count: number): number[] => Array.from({ length: count }, (_, i) => p ** i);
  const atInfinity = (count: number): number[] =>
    Array.from({ length: count }, (_, i) => (i === count - 1 ? 1 : 0));
  const kernelTransform = points.map((p) => {
    const scale = points.reduce((product, other) => (other === p ? product : product * (p - other)), 1);
    return powers(p, TAPS).map((power) => power / scale);
  });
  const inputTransform = points.map((p) => pad(polynomial(points.filter((other) => other !== p)), n));
  const evaluation = [...points.map((p) => powers(p, m)), atInfinity(m)];
  return {
    m,
    n,
    points,
    outputTransform: transpose(evaluation),
    kernelTransform: [...kernelTransform, atInfinity(TAPS)],
    inputTransform: [...inputTransform, polynomial(points)],
  };
}

/** Coefficients of Π (x - root), lowest power first. */
export function polynomial(roots: readonly number[]): number[] {
  let product = [1];
  for (const root of roots) {
    const shifted = [0, ...product];
    product = shifted.map((coefficient, i) => coefficient - root * (product[i] ?? 0));
  }
  return product;
}

export function transpose(matrix: Matrix): number[][] {
  return matrix[0].map((_, column) => matrix.map((row) => row[column]));
}

function pad(row: number[], length: number): number[] {
  return [...row, ...new Array<number>(length - row.length).fill(0)];
}
