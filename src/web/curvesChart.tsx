import type { JSX } from 'preact';
import { useId, useState } from 'preact/hooks';
import type { EpochRow } from '../train/history.ts';
import { niceTicks, rangeOf } from './scale.ts';

export interface Series {
  readonly name: string;
  /** Null where there is no figure. */
  of(row: EpochRow): number | null;
}

export interface CurvesChartProps {
  readonly title: string;
  readonly history: readonly EpochRow[];
  readonly series: readonly Series[];
  /** The epoch that is marked. */
  readonly best?: number;
  readonly show: (value: number) => string;
}

const WIDTH = 360;
const HEIGHT = 220;
const MARGIN = { left: 52, right: 12, top: 12, bottom: 28 };
/** Up to so many epochs each has a dot. */
const MOST_DOTS = 40;

/** Figures over the epochs, drawn as they come; the arrow keys go through them. */
export function CurvesChart({ title, history, series, best, show }: CurvesChartProps): JSX.Element {
  const id = useId();
  const [at, setAt] = useState<number>();
  const lines = series
    .map(({ name, of }, color) => ({
      name,
      color,
      points: history.flatMap((row) => {
        const value = of(row);
        return value === null ? [] : [{ epoch: row.epoch, value }];
      }),
    }))
    .filter(({ points }) => points.length > 0);
  const first = history[0].epoch;
  const last = Math.max(first + 1, history[history.length - 1].epoch);
  const [low, high] = rangeOf(lines.flatMap(({ points }) => points.map(({ value }) => value)));
  const x = (epoch: number): number =>
    MARGIN.left + ((WIDTH - MARGIN.left - MARGIN.right) * (epoch - first)) / (last - first);
  const y = (value: number): number =>
    HEIGHT - MARGIN.bottom - ((HEIGHT - MARGIN.top - MARGIN.bottom) * (value - low)) / (high - low);
  const pointed = at === undefined ? undefined : history[at];
  const shown = pointed ?? history[history.length - 1];

  const point = (clientX: number, plot: Element): void => {
    const { left, width } = plot.getBoundingClientRect();
    const place = (WIDTH * (clientX - left)) / width;
    const nearest = history.reduce(
      (found, row, i) =>
        Math.abs(x(row.epoch) - place) < Math.abs(x(history[found].epoch) - place) ? i : found,
      0,
    );
    setAt(nearest);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (event.key === 'Escape') setAt(undefined);
    if (step === 0) return;
    event.preventDefault();
    setAt(Math.min(history.length - 1, Math.max(0, (at ?? (step > 0 ? -1 : history.length)) + step)));
  };
  const figures = (row: EpochRow): string =>
    series
      .flatMap(({ name, of }) => {
        const value = of(row);
        return value === null ? [] : [`${name} ${show(value)}`];
      })
      .join(', ');

  return (
    <figure class="chart">
      <figcaption id={`${id}-title`}>
        <b>{title}</b>
        {lines.length > 1 &&
          lines.map(({ name, color }) => (
            <span key={name} class={`key series-${color}`}>
              {name}
            </span>
          ))}
      </figcaption>
      <div
        class="plot"
        role="slider"
        tabIndex={0}
        aria-labelledby={`${id}-title`}
        aria-valuemin={first}
        aria-valuemax={history[history.length - 1].epoch}
        aria-valuenow={shown.epoch}
        aria-valuetext={`Epoch ${shown.epoch}: ${figures(shown)}`}
        onPointerMove={(event) => point(event.clientX, event.currentTarget)}
        onPointerDown={(event) => point(event.clientX, event.currentTarget)}
        // A finger that is lifted leaves; what it pointed at stays to be read.
        onPointerLeave={(event) => event.pointerType !== 'touch' && setAt(undefined)}
        onBlur={() => setAt(undefined)}
        onKeyDown={onKeyDown}
      >
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
          {niceTicks(low, high).map((tick) => (
            <g key={tick}>
              <line class="grid" x1={MARGIN.left} x2={WIDTH - MARGIN.right} y1={y(tick)} y2={y(tick)} />
              <text x={MARGIN.left - 8} y={y(tick)} dy="0.35em" text-anchor="end">
                {show(tick)}
              </text>
            </g>
          ))}
          {niceTicks(first, last, 5)
            .filter(Number.isInteger)
            .map((tick) => (
              <text key={tick} x={x(tick)} y={HEIGHT - 8} text-anchor="middle">
                {tick}
              </text>
            ))}
          {best !== undefined && (
            <line class="best" x1={x(best)} x2={x(best)} y1={MARGIN.top} y2={HEIGHT - MARGIN.bottom} />
          )}
          {pointed && (
            <line
              class="pointed"
              x1={x(pointed.epoch)}
              x2={x(pointed.epoch)}
              y1={MARGIN.top}
              y2={HEIGHT - MARGIN.bottom}
            />
          )}
          {lines.map(({ name, color, points }) => (
            <g key={name} class={`series series-${color}`}>
              <polyline
                points={points
                  .map(({ epoch, value }) => `${x(epoch).toFixed(2)},${y(value).toFixed(2)}`)
                  .join(' ')}
              />
              {points
                .filter(({ epoch }) => points.length <= MOST_DOTS || epoch === pointed?.epoch)
                .map(({ epoch, value }) => (
                  <circle key={epoch} cx={x(epoch)} cy={y(value)} r={epoch === pointed?.epoch ? 4 : 2.2} />
                ))}
            </g>
          ))}
        </svg>
      </div>
      <p class="at" aria-hidden="true">
        Epoch {shown.epoch}: {figures(shown)}
        {pointed === undefined && best !== undefined && `. Best: epoch ${best}`}
      </p>
    </figure>
  );
}
