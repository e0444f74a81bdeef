import { basename } from 'node:path';
import { classDotsChart } from '../charts/classDotsChart.ts';
import { type Line, linesChart } from '../charts/linesChart.ts';
import { reliabilityChart } from '../charts/reliabilityChart.ts';
import { FIGURE_ROWS } from '../evaluate/figures.ts';
import { counted, duration, grouped, points } from '../term/numbers.ts';
import type { EpochRow } from '../train/history.ts';
import { comparePairs, type Pair } from './compareRuns.ts';
import { percent, pValue } from './format.ts';
import { type Html, html } from './html.ts';
import type { JudgedRun, WeightsOf } from './judgedRun.ts';
import { pageText } from './page.ts';
import { footer, type ReportContext, warnings } from './reportParts.ts';
import { chartFigure, charts, confusionTable, figureRange, figureText, scrolling } from './sections.ts';
import { differingKeys, settingText } from './settings.ts';

/** Below it a difference counts as more than chance. */
const SIGNIFICANT = 0.05;

/** Several runs beside each other, as one HTML document. */
export async function comparisonReport(runs: readonly JudgedRun[], context: ReportContext): Promise<string> {
  const pairs = comparePairs(runs);
  const { metrics } = runs[0].judgement;
  return pageText({
    title: runs.map(({ name }) => name).join(' · '),
    intro: html`<p class="lead">${runs.length} runs, judged on the same ${counted(metrics.n, 'image')} of <b>${context.split}</b> from ${basename(context.dataset.source)}, ${context.crops === 10 ? 'ten crops' : 'one crop'} an image.</p>
${warnings(runs, context)}`,
    sections: [
      { id: 'figures', title: 'Figures', content: figuresTable(runs) },
      { id: 'pairs', title: 'Is the difference real?', content: pairsSection(pairs) },
      { id: 'curves', title: 'Training curves', content: await curvesSection(runs) },
      { id: 'classes', title: 'Classes', content: await classesSection(runs) },
      {
        id: 'confusion',
        title: 'Confusion matrices',
        content: html`<div class="matrices">${runs.map(({ name, judgement }) => html`<div>${confusionTable(judgement.metrics, name)}</div>\n`)}</div>`,
      },
      { id: 'calibration', title: 'Calibration', content: await calibrationSection(runs) },
      { id: 'speed', title: 'Training speed', content: speedTable(runs) },
      { id: 'settings', title: 'Settings that differ', content: settingsTable(runs) },
    ],
    footer: footer(context),
  });
}

const heads = (runs: readonly JudgedRun[]): Html[] =>
  runs.map(({ name }) => html`<th scope="col">${name}</th>`);

function figuresTable(runs: readonly JudgedRun[]): Html {
  return scrolling(
    'Figures by run',
    html`<table><caption>With 95&nbsp;% intervals; the best of each row in green.</caption>
<thead><tr><td></td>${heads(runs)}</tr></thead>
<tbody>${FIGURE_ROWS.map((row) => {
      const values = runs.map((run) => row.value(run));
      const best = row.rises ? Math.max(...values) : Math.min(...values);
      return html`<tr><th scope="row">${row.name}</th>${runs.map(
        (run, i) =>
          html`<td><span${values[i] === best && BEST}>${figureText(row, run)}</span><br><small class="muted">${figureRange(row, run)}</small></td>`,
      )}</tr>\n`;
    })}</tbody></table>`,
  );
}

const BEST = html` class="best"`;

function pairsSection(pairs: readonly Pair[]): Html {
  const several = pairs.length > 1;
  return html`<p>McNemar's exact test looks at the images that one of two runs alone gets right: were both equally good, they would fall to either side like a coin. A small p says that they do not.${several && ` With ${pairs.length} pairs, p is corrected by Holm's method.`} It speaks of these trained networks, not of what another seed would give.</p>
${scrolling(
  'Pairs of runs',
  html`<table><thead><tr><th scope="col" class="text">pair</th><th scope="col">difference in accuracy, points</th><th scope="col">95&nbsp;% interval</th><th scope="col">only first right</th><th scope="col">only second right</th><th scope="col">p</th>${several && html`<th scope="col">p, corrected</th>`}<th scope="col" class="text">verdict</th></tr></thead>
<tbody>${pairs.map(
    (pair) =>
      html`<tr><th scope="row">${pair.first} − ${pair.second}</th><td>${points(pair.difference)}</td><td>${points(pair.interval.low)} to ${points(pair.interval.high)}</td><td>${grouped(pair.onlyFirst)}</td><td>${grouped(pair.onlySecond)}</td><td>${pValue(pair.p)}</td>${several && html`<td>${pValue(pair.corrected)}</td>`}<td class="text">${verdict(pair)}</td></tr>\n`,
  )}</tbody></table>`,
)}`;
}

function verdict({ first, second, onlyFirst, onlySecond, corrected }: Pair): string {
  if (corrected >= SIGNIFICANT) return 'could be chance';
  return `${onlyFirst > onlySecond ? first : second} is better`;
}

async function curvesSection(runs: readonly JudgedRun[]): Promise<Html> {
  const lines = (value: (row: EpochRow) => number | null): Line[] =>
    runs.map(({ name, history }) => ({
      name,
      points: history.flatMap((row) => {
        const found = value(row);
        return found === null ? [] : [{ epoch: row.epoch, value: found }];
      }),
    }));
  const panels = [
    { lines: lines((row) => row.valAccuracy), figure: 'Validation accuracy', format: '.0%' },
    { lines: lines((row) => row.valLoss), figure: 'Validation loss', format: '~g' },
    { lines: lines((row) => row.trainLoss), figure: 'Training loss', format: '~g' },
  ].filter((panel) => panel.lines.some(({ points: own }) => own.length > 0));
  return charts(
    await Promise.all(panels.map(({ lines: found, ...options }) => chartFigure(linesChart(found, options)))),
  );
}

async function classesSection(runs: readonly JudgedRun[]): Promise<Html> {
  const { labels } = runs[0].judgement.metrics;
  const figures = (['recall', 'precision', 'f1'] as const).map((key) => {
    const name = { recall: 'Recall', precision: 'Precision', f1: 'F1' }[key];
    const classes = runs.map((run) => ({
      name: run.name,
      classes: labels.flatMap((label) => {
        // By name: another run may have its labels in another order.
        const c = run.judgement.metrics.labels.indexOf(label);
        if (c < 0) return [];
        const interval = run.bootstrap.perClass[c][key];
        const value = run.judgement.metrics.perClass[c][key];
        return [{ label, value, low: interval?.low ?? null, high: interval?.high ?? null }];
      }),
    }));
    return chartFigure(classDotsChart(name, classes), name);
  });
  return html`<p>Dots: the figure of each class. Lines: 95&nbsp;% intervals.</p>${charts(await Promise.all(figures))}`;
}

async function calibrationSection(runs: readonly JudgedRun[]): Promise<Html> {
  const figures = runs.map(({ name, calibration }) =>
    chartFigure(reliabilityChart(calibration), `${name}: ${percent(calibration.ece)}`),
  );
  return html`<p>The expected calibration error, and the share of right answers by confidence: on the dashed line, confidence could be taken at its word.</p>${charts(await Promise.all(figures))}`;
}

function speedTable(runs: readonly JudgedRun[]): Html {
  const seconds = ({ history }: JudgedRun): number => history.reduce((sum, row) => sum + row.seconds, 0);
  const mean = ({ history }: JudgedRun): number =>
    history.reduce((sum, row) => sum + row.imagesPerSecond, 0) / history.length;
  const rows: [string, (run: JudgedRun) => string][] = [
    ['Epochs', ({ history }) => String(history.length)],
    ['Best after epoch', ({ best }) => (best.valAccuracy === null ? 'not validated' : String(best.epoch))],
    ['Weights judged', ({ weights }) => weightsText(weights)],
    ['Training, with validation', (run) => duration(seconds(run))],
    ['A mean epoch', (run) => duration(seconds(run) / run.history.length)],
    ['Images trained a second', (run) => grouped(mean(run), 1)],
    [
      'Images judged a second',
      ({ judgement }) => grouped(judgement.metrics.imagesPerSecond ?? Number.NaN, 1),
    ],
  ];
  return scrolling(
    'Speed by run',
    html`<table><thead><tr><td></td>${heads(runs)}</tr></thead>
<tbody>${rows.map(([name, value]) => html`<tr><th scope="row">${name}</th>${runs.map((run) => html`<td>${value(run)}</td>`)}</tr>\n`)}</tbody></table>`,
  );
}

function weightsText(weights: WeightsOf): string {
  if ('mean' in weights) return weights.mean === 1 ? 'statistics measured anew' : `mean of ${weights.mean}`;
  return weights.epoch === null ? 'not recorded' : `epoch ${weights.epoch}`;
}

function settingsTable(runs: readonly JudgedRun[]): Html {
  const keys = differingKeys(runs).filter((key) => key !== 'name');
  if (keys.length === 0) return html`<p>None.</p>`;
  return scrolling(
    'Settings that differ',
    html`<table><thead><tr><td></td>${heads(runs)}</tr></thead>
<tbody>${keys.map((key) => html`<tr><th scope="row">${key}</th>${runs.map((run) => html`<td>${settingText(run, key) || '–'}</td>`)}</tr>\n`)}</tbody></table>`,
  );
}
