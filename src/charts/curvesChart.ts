import type { TopLevelSpec } from 'vega-lite';
import type { Chart } from './renderSvg.ts';
import type { Palette } from './theme.ts';

/** An epoch's figures; without validation its two are missing. */
export interface CurvePoint {
  readonly epoch: number;
  readonly lr: number;
  readonly trainLoss: number;
  readonly trainAccuracy: number;
  readonly valLoss?: number | null;
  readonly valAccuracy?: number | null;
}

export interface CurvesOptions {
  /** Name of the run. */
  readonly name: string;
  /** Name of the validation split. */
  readonly val: string;
  /** The epoch of the best validation accuracy, marked in all panels; null: none. */
  readonly best: number | null;
  /** What the text calls the marked epoch where it is another one; `best` by default. */
  readonly called?: string;
}

const TRAINING = 'training';
const PANEL = { width: 330, height: 220 };
/** A panel alone, on a page of three columns or a phone. */
const SINGLE = { width: 268, height: 190 };
const GAP = 28;
/** Up to so many epochs each has a dot. */
const MOST_DOTS = 40;

/** Accuracy and loss of training and validation beside each other, the learning rate below. */
export function curvesChart(history: readonly CurvePoint[], options: CurvesOptions): Chart {
  const { name, best } = options;
  const marked = history.find(({ epoch }) => epoch === best);
  return {
    title: `Training curves of ${name}`,
    description: describe(history, options),
    spec: (palette) => ({
      title: { text: name, subtitle: subtitle(history.length, marked, options), limit: 2 * PANEL.width },
      spacing: GAP,
      vconcat: [
        {
          spacing: GAP,
          hconcat: [panel('accuracy', history, options, palette), panel('loss', history, options, palette)],
        },
        rates(history, options, palette),
      ],
      resolve: { scale: { color: 'shared' } },
    }),
  };
}

/** A layered chart that can stand alone or in a concatenation. */
type Panel = Extract<TopLevelSpec, { layer: unknown }>;

/** One of the two panels as a chart of its own, for narrow pages. */
export function curveChart(
  figure: 'accuracy' | 'loss' | 'lr',
  history: readonly CurvePoint[],
  options: CurvesOptions,
): Chart {
  return {
    title: `${NAMES[figure]} of ${options.name} by epoch`,
    description: describe(history, options),
    spec: (palette) => ({
      ...(figure === 'lr'
        ? rates(history, options, palette, SINGLE)
        : panel(figure, history, options, palette, SINGLE)),
      padding: 6,
    }),
  };
}

const NAMES = { accuracy: 'Accuracy', loss: 'Loss', lr: 'Learning rate' } as const;

function panel(
  figure: 'accuracy' | 'loss',
  history: readonly CurvePoint[],
  { val, best }: CurvesOptions,
  palette: Palette,
  size = PANEL,
): Panel {
  const keys = { accuracy: ['trainAccuracy', 'valAccuracy'], loss: ['trainLoss', 'valLoss'] } as const;
  const [train, validation] = keys[figure];
  const points = history.flatMap((row) => [
    { epoch: row.epoch, series: TRAINING, value: row[train] },
    { epoch: row.epoch, series: val, value: row[validation] },
  ]);
  const values = points.filter(({ value }) => Number.isFinite(value));
  const series = [val, TRAINING].filter((each) => values.some((point) => point.series === each));
  const color = {
    field: 'series',
    type: 'nominal',
    scale: {
      domain: series,
      range: series.map((each) => palette.series[each === TRAINING ? 1 : 0]),
    },
    legend: { orient: 'top', offset: size === PANEL ? 8 : 24, symbolType: 'stroke' },
  } as const;
  const mark = values.find((point) => point.epoch === best && point.series === val);
  const y = {
    field: 'value',
    type: 'quantitative',
    scale: { zero: false, nice: true },
    axis: {
      ...(figure === 'accuracy' ? { format: '.0%', tickMinStep: 0.01 } : { format: '~g' }),
      tickCount: 6,
      ...title(NAMES[figure]),
    },
  } as const;
  return {
    ...size,
    data: { values },
    encoding: { x: epochs(history) },
    layer: [
      ...bestRule(best, history, palette),
      { mark: { type: 'line' }, encoding: { y, color } },
      ...(history.length <= MOST_DOTS
        ? [{ mark: { type: 'circle' as const, size: 26, opacity: 1 }, encoding: { y, color } }]
        : []),
      ...(mark === undefined
        ? []
        : [
            {
              data: { values: [mark] },
              mark: {
                type: 'point' as const,
                size: 90,
                filled: true,
                fill: palette.series[0],
                stroke: palette.background,
                strokeWidth: 2,
                opacity: 1,
              },
              encoding: { y },
            },
          ]),
    ],
  };
}

function rates(
  history: readonly CurvePoint[],
  { best }: CurvesOptions,
  palette: Palette,
  size = { width: 2 * PANEL.width + 66, height: 70 },
): Panel {
  const y = {
    field: 'lr',
    type: 'quantitative',
    axis: { format: '~g', tickCount: 3, ...title(NAMES.lr) },
  } as const;
  return {
    ...size,
    data: { values: history.map(({ epoch, lr }) => ({ epoch, lr })) },
    encoding: { x: epochs(history) },
    layer: [
      ...bestRule(best, history, palette),
      // The rate is one for the whole epoch only with some schedules: the row holds that of its first step.
      { mark: { type: 'line', color: palette.series[2] }, encoding: { y } },
      ...(history.length <= MOST_DOTS
        ? [
            {
              mark: { type: 'circle' as const, size: 26, opacity: 1, color: palette.series[2] },
              encoding: { y },
            },
          ]
        : []),
    ],
  };
}

/** The title of a value axis: upright, over the panel. */
function title(text: string) {
  return {
    title: text,
    titleAngle: 0,
    titleAlign: 'left',
    titleAnchor: 'end',
    titleBaseline: 'bottom',
    titleX: -36,
    titleY: -10,
  } as const;
}

/** The axis of epochs: whole numbers, and room around a single one. */
function epochs(history: readonly CurvePoint[]) {
  const first = history[0]?.epoch ?? 1;
  const last = history.at(-1)?.epoch ?? 1;
  const margin = first === last ? 0.5 : 0;
  return {
    field: 'epoch',
    type: 'quantitative' as const,
    title: 'epoch',
    scale: { domain: [first - margin, last + margin], nice: false },
    // Labels stand under their ticks at the ends, too: the last one moved inwards would stand under the epoch before.
    axis: { format: 'd', tickMinStep: 1, tickCount: 8, grid: false, labelFlush: false },
  };
}

function bestRule(best: number | null, history: readonly CurvePoint[], { muted }: Palette) {
  if (!history.some(({ epoch }) => epoch === best)) return [];
  return [
    {
      data: { values: [{ epoch: best }] },
      mark: { type: 'rule' as const, color: muted, strokeDash: [3, 3] },
    },
  ];
}

function subtitle(
  epochs: number,
  marked: CurvePoint | undefined,
  { val, called = 'best' }: CurvesOptions,
): string {
  const count = `${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}`;
  if (marked === undefined || !Number.isFinite(marked.valAccuracy)) return count;
  return `${count}; ${called} ${percent(marked.valAccuracy as number)} on ${val} after epoch ${marked.epoch} (dashed)`;
}

function describe(history: readonly CurvePoint[], options: CurvesOptions): string {
  const last = history.at(-1);
  if (last === undefined) return 'No epoch has ended yet.';
  const marked = history.find(({ epoch }) => epoch === options.best);
  const val = Number.isFinite(last.valAccuracy)
    ? `, on ${options.val} loss ${last.valLoss?.toFixed(4)} and accuracy ${percent(last.valAccuracy as number)}`
    : '';
  return (
    `${subtitle(history.length, marked, options)}. After epoch ${last.epoch}: training loss ` +
    `${last.trainLoss.toFixed(4)} and accuracy ${percent(last.trainAccuracy)}${val}, learning rate ${Number(last.lr.toPrecision(3))}.`
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
