import { classBarsChart } from '../charts/classBarsChart.ts';
import { HEAT_SWITCH } from '../charts/confusionChart.ts';
import { curveChart } from '../charts/curvesChart.ts';
import { linesChart } from '../charts/linesChart.ts';
import { FEW_ANSWERS, reliabilityChart } from '../charts/reliabilityChart.ts';
import { type Chart, renderSvg } from '../charts/renderSvg.ts';
import type { Interval } from '../evaluate/bootstrap.ts';
import { FIGURE_ROWS, type FigureRow } from '../evaluate/figures.ts';
import type { Metrics } from '../evaluate/metrics.ts';
import { counted, duration, grouped } from '../term/numbers.ts';
import { percent, percentRange, range } from './format.ts';
import { type Content, type Html, html, raw } from './html.ts';
import type { JudgedRun, StoredRun } from './judgedRun.ts';

/** A chart in the page's colours, with a heading where it needs one. */
export async function chartFigure(chart: Chart, heading?: string): Promise<Html> {
  const svg = await renderSvg(chart, { theme: 'css' });
  return html`<figure class="chart">${heading && html`<h3>${heading}</h3>`}${raw(svg)}</figure>`;
}

export const charts = (figures: readonly Html[]): Html => html`<div class="charts">${figures}</div>`;

/** A table that scrolls by itself where the screen is narrower. */
export function scrolling(label: string, table: Html): Html {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">${table}</div>`;
}

export function figureText({ value, unit }: FigureRow, run: JudgedRun): string {
  return unit === 'share' ? percent(value(run)) : value(run).toFixed(4);
}

export function figureRange({ key, unit }: FigureRow, { bootstrap }: JudgedRun): string {
  return rangeText(bootstrap.figures[key], unit);
}

function rangeText(interval: Interval, unit: FigureRow['unit']): string {
  return unit === 'share' ? percentRange(interval) : range(interval);
}

export function figuresTable(run: JudgedRun): Html {
  return scrolling(
    'Figures',
    html`<table>
<thead><tr><td></td><th scope="col">figure</th><th scope="col">95&nbsp;% interval</th><th scope="col" class="text">what it is</th></tr></thead>
<tbody>${FIGURE_ROWS.map(
      (each) =>
        html`<tr><th scope="row">${each.name}</th><td>${figureText(each, run)}</td><td>${figureRange(each, run)}</td><td class="text muted">${each.meaning}</td></tr>\n`,
    )}</tbody></table>`,
  );
}

export async function curvesSection(run: StoredRun): Promise<Html> {
  const { history, best, record, name, weights } = run;
  const marked = 'epoch' in weights ? weights.epoch : null;
  const called = marked === best.epoch ? 'best' : 'judged';
  const options = { name, val: record.train.val, best: marked, called };
  const figures = await Promise.all(
    (['accuracy', 'loss', 'lr'] as const).map((figure) => chartFigure(curveChart(figure, history, options))),
  );
  return html`<p>${curvesText(run)}</p>${charts(figures)}<p class="note">Training figures are those of augmented images while the network still learns, so they may lie below those of validation.</p>`;
}

/** How many epochs there were, which was the best, and whether the judged weights are those. */
function curvesText({ history, best, record, weights }: StoredRun): string {
  const epochs = counted(history.length, 'epoch');
  const validated = best.valAccuracy !== null;
  const bestText = validated
    ? `The best validation accuracy, ${percent(best.valAccuracy as number)} on ${record.train.val}, came after epoch ${best.epoch}`
    : 'There was no validation';
  if ('mean' in weights) {
    const { mean } = weights;
    return mean === 1
      ? `${epochs}. ${bestText}. Judged here are weights of this training with batch-norm statistics of their own.`
      : `${epochs} of the training of the first of ${mean} networks. ${bestText}. Judged here is the mean of the ${mean}.`;
  }
  const { epoch } = weights;
  if (epoch === null)
    return `${epochs}. ${bestText}. After which epoch the weights judged here were kept is not recorded.`;
  if (validated && epoch === best.epoch)
    return `${epochs}. ${bestText} (dashed); its weights are judged here.`;
  return `${epochs}. ${bestText}. The weights judged here are those after epoch ${epoch} (dashed).`;
}

export async function classesSection({ judgement, bootstrap }: JudgedRun): Promise<Html> {
  const { perClass } = judgement.metrics;
  const figures = await Promise.all(
    (['recall', 'precision', 'f1'] as const).map((key) => {
      const classes = perClass.map((each, c) => ({
        label: each.label,
        value: each[key],
        low: bootstrap.perClass[c][key]?.low ?? null,
        high: bootstrap.perClass[c][key]?.high ?? null,
      }));
      const name = { recall: 'Recall', precision: 'Precision', f1: 'F1' }[key];
      return chartFigure(classBarsChart(name, classes), name);
    }),
  );
  const cell = (value: number, interval: Interval | null): Html =>
    html`<td>${percent(value)}<br><small class="muted">${interval ? percentRange(interval) : '–'}</small></td>`;
  return html`<p>Recall: of the images of a class, how many are found. Precision: of the images called so, how many are. F1 is their harmonic mean. Lines are 95&nbsp;% intervals.</p>
${charts(figures)}
${scrolling(
  'Figures of each class',
  html`<table><thead><tr><td></td><th scope="col">images</th><th scope="col">recall</th><th scope="col">precision</th><th scope="col">F1</th></tr></thead>
<tbody>${perClass.map(
    ({ label, support, recall, precision, f1 }, c) =>
      html`<tr><th scope="row">${label}</th><td>${grouped(support)}</td>${cell(recall, bootstrap.perClass[c].recall)}${cell(precision, bootstrap.perClass[c].precision)}${cell(f1, bootstrap.perClass[c].f1)}</tr>\n`,
  )}</tbody></table>`,
)}`;
}

/** The matrix as a table, so that it can be read aloud, copied, and fits a phone. */
export function confusionTable({ labels, confusion, confusionNormalized }: Metrics, name?: string): Html {
  return html`<table class="matrix"><caption>${name && html`<b>${name}.</b> `}Rows are the targets, columns the predictions; each cell: percent of its row, and images.</caption>
<thead><tr><td></td>${labels.map((label) => html`<th scope="col"><span>${label}</span></th>`)}</tr></thead>
<tbody>${labels.map(
    (label, r) =>
      html`<tr><th scope="row">${label}</th>${confusion[r].map((count, c) => {
        const share = confusionNormalized[r][c];
        return html`<td${share >= HEAT_SWITCH && raw(' class="deep"')} style="--share:${share.toFixed(4)}"><b>${(100 * share).toFixed(1)}</b><small>${grouped(count)}</small></td>`;
      })}</tr>\n`,
  )}</tbody></table>`;
}

export async function calibrationSection({ calibration, bootstrap }: JudgedRun): Promise<Html> {
  const { ece, overconfidence } = calibration;
  const leaning =
    Math.abs(overconfidence) < 0.005
      ? 'On the whole it is as sure as it is right.'
      : `On the whole it is ${overconfidence > 0 ? 'more confident than right' : 'right more often than its confidence suggests'}, by ${(100 * Math.abs(overconfidence)).toFixed(2)} points.`;
  return html`<p>Can its confidence be taken at its word? Answers of 80 % confidence should be right in 80 of 100 cases, on the dashed line. The mean distance from it, the expected calibration error, is <b>${percent(ece)}</b> <span class="muted">(95&nbsp;% interval ${percentRange(bootstrap.figures.ece)})</span>. ${leaning}</p>
${charts([await chartFigure(reliabilityChart(calibration))])}
<p class="note">Bars: share of right answers among those of about the same confidence, pale where there are fewer than ${FEW_ANSWERS}. Dots: where those answers stand on average. Above: how the answers are spread. Chance adds to this error and takes nothing away, so its interval reaches higher above the figure than below.</p>`;
}

export async function speedSection(run: JudgedRun): Promise<Html> {
  const { history, record, judgement } = run;
  const seconds = history.reduce((sum, each) => sum + each.seconds, 0);
  const images = history.reduce((sum, { imagesPerSecond }) => sum + imagesPerSecond, 0) / history.length;
  const { imagesPerSecond } = judgement.metrics;
  const rows: [string, Content][] = [
    ['Training, with validation', duration(seconds)],
    ['A mean epoch', duration(seconds / history.length)],
    ['Images trained a second', grouped(images, 1)],
    ...(imagesPerSecond === null
      ? []
      : [['Images judged a second, for this report', grouped(imagesPerSecond, 1)] as [string, Content]]),
    ['Threads', record.train.threads === 0 ? 'one per core' : String(record.train.threads)],
  ];
  const table = html`<table><tbody>${rows.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>\n`)}</tbody></table>`;
  if (history.length < 2) return table;
  const points = history.map(({ epoch, imagesPerSecond: value }) => ({ epoch, value }));
  const chart = linesChart([{ name: run.name, points }], {
    figure: 'Images trained a second',
    format: '~s',
    zero: true,
  });
  return html`<div class="charts"><div>${table}</div>${await chartFigure(chart)}</div>`;
}
