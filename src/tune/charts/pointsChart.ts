import type { Chart } from '../../charts/renderSvg.ts';
import { wrapText } from '../../charts/wrapText.ts';

const WIDTH = 480;

export interface Point {
  readonly x: number;
  /** Validation accuracy. */
  readonly value: number;
}

export interface PointsOptions {
  readonly title: string;
  readonly subtitle: string;
  /** Name of the setting. */
  readonly name: string;
  readonly log: boolean;
}

/** Accuracy over one setting that was drawn from a range; the best, which comes first, is marked. */
export function pointsChart(points: readonly Point[], { title, subtitle, name, log }: PointsOptions): Chart {
  const [best] = points;
  return {
    title,
    description:
      best === undefined
        ? 'No result yet.'
        : `Validation accuracy of ${points.length} values of ${name}; the best is ${(100 * best.value).toFixed(2)} % at ${best.x}.`,
    spec: (palette) => ({
      title: { text: title, subtitle: wrapText(subtitle, WIDTH) },
      width: WIDTH,
      height: 260,
      data: { values: points.map((point) => ({ ...point, best: point === best })) },
      encoding: {
        x: {
          field: 'x',
          type: 'quantitative',
          scale: log ? { type: 'log', nice: false, padding: 8 } : { zero: false, padding: 8 },
          axis: { title: name, format: '~g', tickCount: 8, grid: false },
        },
        y: {
          field: 'value',
          type: 'quantitative',
          scale: { zero: false, nice: true },
          axis: { title: null, format: '.1%', tickCount: 6, tickMinStep: 0.001 },
        },
        color: {
          condition: { test: 'datum.best', value: palette.series[1] },
          value: palette.series[0],
        },
      },
      mark: { type: 'circle', size: 70, opacity: 0.9 },
    }),
  };
}
