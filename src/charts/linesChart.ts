import { textWidth } from './font.ts';
import type { Chart } from './renderSvg.ts';

/** A figure over the epochs of one run. */
export interface Line {
  readonly name: string;
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

/** One line for each run, in the order of the series' colours, with a legend if there are several. */
export function linesChart(lines: readonly Line[], { figure, format, zero = false }: LinesOptions): Chart {
  const values = lines.flatMap(({ name, points }) => points.map((point) => ({ name, ...point })));
  const epochs = values.map(({ epoch }) => epoch);
  const [first, last] = [Math.min(...epochs), Math.max(...epochs)];
  const margin = first === last ? 0.5 : 0;
  const names = lines.map(({ name }) => name);
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
      const color = {
        field: 'name',
        type: 'nominal',
        scale: { domain: names, range: names.map((_, i) => palette.series[i % palette.series.length]) },
        legend:
          names.length > 1
            ? {
                orient: 'top',
                offset: 24,
                symbolType: 'stroke',
                columns: legendColumns(names, WIDTH),
                labelLimit: 150,
              }
            : null,
      } as const;
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
            axis: { format: 'd', tickMinStep: 1, tickCount: 8, grid: false },
          },
        },
        layer: [
          { mark: { type: 'line' }, encoding: { y, color } },
          ...(last - first <= MOST_DOTS
            ? [{ mark: { type: 'circle' as const, size: 26, opacity: 1 }, encoding: { y, color } }]
            : []),
        ],
      };
    },
  };
}

/** How many columns of a legend of names fit over a chart. */
export function legendColumns(names: readonly string[], width: number): number {
  // Symbol and gaps.
  const column = Math.max(...names.map((name) => Math.min(150, textWidth(name, 12)))) + 34;
  return Math.max(1, Math.floor(width / column));
}
