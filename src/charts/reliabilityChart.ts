import type { Chart } from './renderSvg.ts';

/** Answers of about the same confidence; the two means are null where there are none. */
export interface ReliabilityBin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  readonly confidence: number | null;
  readonly accuracy: number | null;
}

export interface Reliability {
  readonly bins: readonly ReliabilityBin[];
  /** Expected calibration error. */
  readonly ece: number;
}

const SIDE = 260;
/** Of fewer answers the share of right ones says little: such bars are pale. */
export const FEW_ANSWERS = 10;

/**
 * How often answers of a confidence are right: bars against the diagonal, on which confidence could be taken
 * at its word; above them, how many answers there are.
 */
export function reliabilityChart({ bins, ece }: Reliability): Chart {
  const total = bins.reduce((sum, { count }) => sum + count, 0);
  const values = bins.filter(({ count }) => count > 0).map((bin) => ({ ...bin, share: bin.count / total }));
  const x = {
    field: 'low',
    type: 'quantitative',
    title: 'confidence',
    scale: { domain: [0, 1] as number[], nice: false },
    axis: { format: '.0%', tickCount: 5, grid: false },
  } as const;
  const share = {
    type: 'quantitative',
    scale: { domain: [0, 1] as number[], nice: false },
    axis: { format: '.0%', tickCount: 5 },
  } as const;
  return {
    title: `Reliability: expected calibration error ${(100 * ece).toFixed(2)} %`,
    description: values
      .map(({ confidence, accuracy, count }) => {
        const [sure, right] = [confidence, accuracy].map((value) => (100 * (value as number)).toFixed(0));
        return `${count} answers with ${sure} % confidence: ${right} % right`;
      })
      .join('; '),
    spec: (palette) => ({
      padding: 6,
      spacing: 6,
      data: { values },
      vconcat: [
        {
          width: SIDE,
          height: 46,
          mark: { type: 'rect', color: palette.muted, x2Offset: -1 },
          encoding: {
            x: { ...x, title: null, axis: null },
            x2: { field: 'high' },
            y2: { datum: 0 },
            y: {
              field: 'share',
              type: 'quantitative',
              title: 'answers',
              axis: { format: '.0%', tickCount: 2 },
            },
          },
        },
        {
          width: SIDE,
          height: SIDE,
          layer: [
            {
              mark: { type: 'rect', color: palette.series[0], x2Offset: -1 },
              encoding: {
                x,
                x2: { field: 'high' },
                y: { ...share, field: 'accuracy', title: 'right' },
                y2: { datum: 0 },
                opacity: { condition: { test: `datum.count < ${FEW_ANSWERS}`, value: 0.3 }, value: 1 },
              },
            },
            {
              data: { values: [{ a: 0, b: 1 }] },
              mark: { type: 'rule', color: palette.ink, strokeDash: [4, 3] },
              encoding: {
                x: { field: 'a', type: 'quantitative' },
                x2: { field: 'b' },
                y: { field: 'a', type: 'quantitative' },
                y2: { field: 'b' },
              },
            },
            {
              // Where the answers of a bin stand on average: on the diagonal it would be well calibrated.
              mark: {
                type: 'point',
                filled: true,
                size: 34,
                opacity: 1,
                color: palette.series[1],
                stroke: palette.background,
                strokeWidth: 1,
              },
              encoding: {
                x: { field: 'confidence', type: 'quantitative' },
                y: { field: 'accuracy', type: 'quantitative' },
              },
            },
          ],
        },
      ],
    }),
  };
}
