import { textWidth } from './font.ts';
import type { Chart } from './renderSvg.ts';
import { runScales } from './runScales.ts';

/** A figure over the epochs of one run. */
export interface Line {
  readonly name: string;
  /** None where the run has no such figure. */
  readonly points: readonly { readonly epoch: number; readonly value: number }[];
}

export interface LinesOptions {
  /** What the values are, over the axis. */
  readonly figure: string;
  /** Format of the axis, in d3's notation. */
  readonly format: string;
  readonly zero?: boolean;
}

/** Up to so many epochs each has a dot. */
const MOST_DOTS = 40;

const WIDTH = 268;

/**
 * One line for each run that has the figure. Where several runs are given there is a legend, and all of them
 * have a colour, so that a run has the same one in the charts of figures that others lack.
 */
export function linesChart(lines: readonly Line[], { figure, format, zero = false }: LinesOptions): Chart {
  const values = lines.flatMap(({ name, points }) => points.map((point) => ({ name, ...point })));
  const epochs = values.map(({ epoch }) => epoch);
  const [first, last] = [Math.min(...epochs), Math.max(...epochs)];
  const margin = first === last ? 0.5 : 0;
  const names = lines.map(({ name }) => name);
  const drawn = lines.filter(({ points }) => points.length > 0).map(({ name }) => name);
  return {
    title: `${figure} by epoch`,
    description: lines
      .map(({ name, points }) => {
        const end = points.at(-1);
        return end
          ? `${name}: ${Number(end.value.toPrecision(4))} after epoch ${end.epoch}`
          : `${name}: none`;
      })
      .join('; '),
    spec: (palette) => {
      const scales = runScales(names, palette);
      const legend =
        names.length > 1
          ? {
              values: drawn,
              orient: 'top' as const,
              offset: 24,
              symbolType: 'stroke',
              // Long enough for two dashes.
              symbolSize: 320,
              columns: legendColumns(drawn, WIDTH),
              labelLimit: legendLimit(drawn, WIDTH),
            }
          : null;
      const color = { field: 'name', type: 'nominal', scale: scales.color, legend } as const;
      const strokeDash = { field: 'name', type: 'nominal', scale: scales.dash, legend } as const;
      const y = {
        field: 'value',
        type: 'quantitative',
        scale: { zero, nice: true },
        axis: {
          format,
          ...(format.endsWith('%') ? { tickMinStep: 0.01 } : {}),
          tickCount: 5,
          title: figure,
          titleAngle: 0,
          titleAlign: 'left',
          titleAnchor: 'end',
          titleBaseline: 'bottom',
          titleX: -36,
          titleY: -10,
        },
      } as const;
      return {
        padding: 6,
        width: WIDTH,
        height: 190,
        data: { values },
        encoding: {
          x: {
            field: 'epoch',
            type: 'quantitative',
            title: 'epoch',
            scale: { domain: [first - margin, last + margin], nice: false },
            // As in `curvesChart`.
            axis: { format: 'd', tickMinStep: 1, tickCount: 8, grid: false, labelFlush: false },
          },
        },
        layer: [
          { mark: { type: 'line' }, encoding: { y, color, strokeDash } },
          ...(last - first <= MOST_DOTS
            ? [{ mark: { type: 'circle' as const, size: 26, opacity: 1 }, encoding: { y, color } }]
            : []),
        ],
      };
    },
  };
}

/** Of a legend's name beside others, and what its symbol and the gaps take. */
const NAME_WIDTH = 150;
const SYMBOL_WIDTH = 42;

/** How many columns of a legend of names fit over a chart; long ones, which may differ in their ends, have a row each. */
export function legendColumns(names: readonly string[], width: number): number {
  const longest = Math.max(...names.map((name) => textWidth(name, 12)));
  return longest > NAME_WIDTH ? 1 : Math.max(1, Math.floor(width / (longest + SYMBOL_WIDTH)));
}

/** The width that a name of such a legend may take. */
export function legendLimit(names: readonly string[], width: number): number {
  return legendColumns(names, width) === 1 ? width - SYMBOL_WIDTH : NAME_WIDTH;
}
