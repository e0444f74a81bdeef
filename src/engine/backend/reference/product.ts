/** Rows of a and of b that are multiplied at once, so that each element read serves several sums. */
const BLOCK = { a: 4, b: 2 } as const;

/**
 * c += a·bᵀ for c [M, N], a [M, D] and b [N, D]: every product of the definition comes down to this loop.
 * It is blocked only so that whole networks can be checked in float64 in reasonable time.
 */
export function addProduct(
  c: Float64Array,
  a: Float64Array,
  b: Float64Array,
  { M, N, D }: { M: number; N: number; D: number },
): void {
  const rows = M - (M % BLOCK.a);
  const columns = N - (N % BLOCK.b);
  for (let i = 0; i < rows; i += BLOCK.a) {
    for (let j = 0; j < columns; j += BLOCK.b) addBlock(c, a, b, i, j, N, D);
    for (let j = columns; j < N; j++) for (let r = 0; r < BLOCK.a; r++) addElement(c, a, b, i + r, j, N, D);
  }
  for (let i = rows; i < M; i++) for (let j = 0; j < N; j++) addElement(c, a, b, i, j, N, D);
}

/** c[i,j] += Σ_d a[i,d]·b[j,d]. */
function addElement(
  c: Float64Array,
  a: Float64Array,
  b: Float64Array,
  i: number,
  j: number,
  N: number,
  D: number,
): void {
  let sum = 0;
  for (let d = 0; d < D; d++) sum += a[i * D + d] * b[j * D + d];
  c[i * N + j] += sum;
}

/** The same for 4 rows of a and 2 of b, from i and j on. */
function addBlock(
  c: Float64Array,
  a: Float64Array,
  b: Float64Array,
  i: number,
  j: number,
  N: number,
  D: number,
): void {
  const [a0, a1, a2, a3] = [i * D, (i + 1) * D, (i + 2) * D, (i + 3) * D];
  const [b0, b1] = [j * D, (j + 1) * D];
  let [c00, c01, c10, c11, c20, c21, c30, c31] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let d = 0; d < D; d++) {
    const p = b[b0 + d];
    const q = b[b1 + d];
    c00 += a[a0 + d] * p;
    c01 += a[a0 + d] * q;
    c10 += a[a1 + d] * p;
    c11 += a[a1 + d] * q;
    c20 += a[a2 + d] * p;
    c21 += a[a2 + d] * q;
    c30 += a[a3 + d] * p;
    c31 += a[a3 + d] * q;
  }
  const at = i * N + j;
  c[at] += c00;
  c[at + 1] += c01;
  c[at + N] += c10;
  c[at + N + 1] += c11;
  c[at + 2 * N] += c20;
  c[at + 2 * N + 1] += c21;
  c[at + 3 * N] += c30;
  c[at + 3 * N + 1] += c31;
}

/** The columns of a matrix [rows, columns] as rows. */
export function transposed(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const turned = new Float64Array(matrix.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) turned[j * rows + i] = matrix[i * columns + j];
  }
  return turned;
}

/** Σ over the rows of a matrix [rows, columns], into `sums`. */
export function sumRows(matrix: Float64Array, sums: Float64Array): void {
  const columns = sums.length;
  sums.fill(0);
  for (let i = 0; i < matrix.length; i++) sums[i % columns] += matrix[i];
}
