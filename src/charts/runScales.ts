import type { Palette } from './theme.ts';

/** What tells runs apart that have the same colour: each lap through the colours has its own. */
const DASHES = [
  [1, 0],
  [5, 4],
  [1, 5],
];
const SHAPES = ['circle', 'diamond', 'triangle-up'];

/** Scales over the names of all runs of a page, in their order: a run looks the same in each of its charts. */
export function runScales(names: readonly string[], { series }: Palette) {
  const scale = <T>(looks: readonly T[], each: number) => ({
    domain: [...names],
    range: names.map((_, i) => looks[Math.floor(i / each) % looks.length]),
  });
  return {
    color: scale(series, 1),
    dash: scale(DASHES, series.length),
    shape: scale(SHAPES, series.length),
  };
}
