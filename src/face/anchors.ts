/** A grid of cells over the input, each with so many anchors in its centre. */
export interface AnchorGrid {
  readonly cells: number;
  readonly anchors: number;
}

/**
 * What is fixed about BlazeFace's two detectors beside their weights. An anchor is a point: its size is 1 for all,
 * so a box is predicted in pixels of the input. Grids are those of MediaPipe's graphs
 * `face_detection_short_range` and `face_detection_full_range` (strides 8, 16, 16, 16 with two anchors each,
 * those of stride 16 together; stride 4 with one).
 */
export const DETECTORS = {
  shortRange: {
    side: 128,
    grids: [
      { cells: 16, anchors: 2 },
      { cells: 8, anchors: 6 },
    ],
  },
  fullRange: { side: 192, grids: [{ cells: 48, anchors: 1 }] },
} as const satisfies Record<string, { side: number; grids: readonly AnchorGrid[] }>;

export type DetectorName = keyof typeof DETECTORS;

/** Centres [n, 2] of all anchors, x and y as shares of the input's side, in the order of the network's outputs. */
export function anchorCentres(grids: readonly AnchorGrid[]): Float32Array {
  const centres: number[] = [];
  for (const { cells, anchors } of grids) {
    for (let row = 0; row < cells; row++) {
      for (let column = 0; column < cells; column++) {
        for (let i = 0; i < anchors; i++) centres.push((column + 0.5) / cells, (row + 0.5) / cells);
      }
    }
  }
  return Float32Array.from(centres);
}
