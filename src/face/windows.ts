import type { Box } from '../image/image.ts';

/**
 * The smallest face, as a share of a window's side, that the full-range network still lets pass. Of the 22 faces of
 * face-api's six sample photos, shown smaller and smaller: 22 at 0.07 of the side, 21 at 0.06, 16 at 0.05.
 */
export const SEEN = 1 / 16;

/** Neighbouring windows share this much of their side: a face twice as large as `SEEN` is whole in one of them. */
const SHARED = 0.25;

/** A face of fewer pixels shows no expression, and a window with fewer than the network's input shows nothing more. */
const LEAST_PIXELS = 16;

/** The square around a whole picture. */
export function wholeWindow(width: number, height: number): Box {
  const side = Math.max(width, height);
  return { x: (width - side) / 2, y: (height - side) / 2, width: side, height: side };
}

/**
 * The square windows to look through for small faces, from large to small: each level's windows are half as wide
 * as those before, until faces of the `smallest` size are seen. The whole picture is not among them.
 *
 * @param smallest side of a face, as a share of the picture's longer side
 */
export function searchWindows(width: number, height: number, smallest: number): Box[] {
  const longer = Math.max(width, height);
  const least = Math.max(smallest * longer, LEAST_PIXELS);
  const windows: Box[] = [];
  for (let side = longer; side * SEEN > least; ) {
    side /= 2;
    for (const y of starts(height, side)) {
      for (const x of starts(width, side)) windows.push({ x, y, width: side, height: side });
    }
  }
  return windows;
}

/** Where windows begin along a side: evenly, from edge to edge; a window longer than the side is centred. */
function starts(length: number, side: number): number[] {
  if (side >= length) return [(length - side) / 2];
  const count = 1 + Math.ceil((length - side) / (side * (1 - SHARED)));
  return Array.from({ length: count }, (_, i) => (i * (length - side)) / (count - 1));
}
