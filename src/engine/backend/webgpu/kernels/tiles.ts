/** Outputs of a workgroup, and of each of its threads; the depth that is held in workgroup memory at once. */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly threadRows: 4 | 8;
  readonly threadColumns: 4 | 8;
}

/** All tiles there are. With 64 sums a thread, each value read from workgroup memory serves sixteen of them. */
export const TILES = {
  large: { rows: 128, columns: 128, depth: 16, threadRows: 8, threadColumns: 8 },
  /** For few columns. */
  tall: { rows: 128, columns: 64, depth: 16, threadRows: 8, threadColumns: 8 },
  /** For few rows and columns, many times. */
  square: { rows: 64, columns: 64, depth: 16, threadRows: 8, threadColumns: 8 },
  /** Where larger ones would leave most of the GPU idle: more threads for the same outputs. */
  small: { rows: 64, columns: 64, depth: 16, threadRows: 4, threadColumns: 4 },
  /** For GPUs with small workgroups, and for very few rows or columns. */
  least: { rows: 32, columns: 32, depth: 16, threadRows: 4, threadColumns: 4 },
} as const satisfies Record<string, Tile>;
export type TileName = keyof typeof TILES;

/** Outputs of a workgroup; its subgroups, each with a block of outputs of its own; the depth held at once. */
export interface MatrixTile {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly down: number;
  readonly across: number;
}

/** All tiles on matrix units. */
export const MATRIX_TILES = {
  large: { rows: 128, columns: 128, depth: 32, down: 2, across: 4 },
  small: { rows: 64, columns: 64, depth: 32, down: 2, across: 2 },
} as const satisfies Record<string, MatrixTile>;
export type MatrixTileName = keyof typeof MATRIX_TILES;
