import type { Split } from '../../data/dataset.ts';
import type { Interval } from '../../evaluate/bootstrap.ts';
import { FIGURE_ROWS } from '../../evaluate/figures.ts';
import { grouped, percent, percentRange, points } from '../../term/numbers.ts';
import { type Exposure, exposureOf } from '../../train/ancestry.ts';
import type { RunRecord } from '../../train/runRecord.ts';
import type { Evaluated } from '../evaluated.ts';
import { datasetName, isOwnData, judgedName, type ModelCard, markdownTable } from './card.ts';

/** The figures, and what is to be known before they are believed. */
export function evaluation(card: ModelCard): string {
  const { evaluated, rounding, crops, judged } = card;
  if (evaluated.length === 0) {
    return 'Not measured here: this card was written without data. `fer evaluate` measures, and `fer export` with `data=` writes the figures into this card.';
  }
  const part = judged && judged.limit > 0 ? ` (limit=${judged.limit} images of each split)` : '';
  const data = judged
    ? `On ${judgedName(card)}${part}; SHA-256 of its content: \`${judged.hash}\`.${isOwnData(card) ? '' : ` Its training was on other data: ${datasetName(card)}.`} `
    : '';
  const how =
    `${data}${crops === 10 ? 'Ten crops an image, their logits averaged' : 'The centre crop of each image'}. One network, no ` +
    'other test-time augmentation. Intervals: 95 %, percentile bootstrap over the images; they do not cover the ' +
    'choice of the seed.';
  const halves = rounding.map(
    ({ split, n, before, after, changed, largest }) =>
      `Half precision changed the accuracy on ${split} from ${percent(before)} to ${percent(after)} ` +
      `(${points(after - before)} points): ${grouped(changed)} of ${grouped(n)} labels, logits by ` +
      `${largest.toPrecision(2)} at most.`,
  );
  return [how, ...halves, ...evaluated.map((each) => splitSection(card, each))].join('\n\n');
}

/** How far figures on a split may be believed. */
function exposure({ provenance, judged }: ModelCard, split: Split): Exposure {
  const record: Partial<RunRecord> = provenance?.record ?? {};
  if (isOwnData({ provenance, judged })) return exposureOf(record, split);
  // Of other data, what was seen before may still be it.
  const { from, teachers, averaged } = record;
  if (!from && !teachers?.length && !averaged) return { seen: 'none', inherited: false };
  return exposureOf({ from, teachers, averaged: averaged && { ...averaged, train: [] } }, split);
}

/** What is to be known before figures on a split are believed; empty where there is nothing. */
function caution(card: ModelCard, split: Split): string {
  const { seen, inherited } = exposure(card, split);
  const record = card.provenance?.record;
  const before = inherited ? ', in a training before this one' : '';
  switch (seen) {
    case 'learned':
      return (
        `**The network learned from ${split}**${before}: these figures say how well it knows these images by ` +
        'heart.'
      );
    case 'watched': {
      const chosen = record?.averaged
        ? 'Epochs, recipes and averages'
        : 'The epoch, and settings such as the rate,';
      return (
        `${chosen} were chosen by ${split}${before}, so these figures are somewhat optimistic.` +
        reasonForSplit(card, split)
      );
    }
    case 'unknown': {
      const what =
        record?.train || record?.averaged
          ? 'the weights it was made from had seen before'
          : 'the network learned from';
      return `What ${what} is not recorded: ${split} may be among it.`;
    }
    case 'none':
      return '';
    default:
      return seen satisfies never;
  }
}

/** Why there are no figures on the split that nothing is chosen by. */
function reasonForSplit(card: ModelCard, split: Split): string {
  const record = card.provenance?.record;
  if (!record?.train || !isOwnData(card) || split === 'PrivateTest' || record.data.images.PrivateTest > 0) {
    return '';
  }
  const name = datasetName(card);
  const data = name.startsWith('FER') ? `the copy of ${name} used` : 'the data';
  return ` They are on ${split} because ${data} has no PrivateTest images.`;
}

function splitSection(card: ModelCard, evaluated: Evaluated): string {
  const { split, judgement, bootstrap, calibration } = evaluated;
  const { metrics } = judgement;
  const { n, accuracy, labels } = metrics;
  const { figures, perClass } = bootstrap;
  const before = caution(card, split);
  const standardError = Math.sqrt((accuracy * (1 - accuracy)) / n);
  const summary = FIGURE_ROWS.map(({ key, name, meaning, value, unit }) => {
    const found = value(evaluated);
    const { low, high } = figures[key];
    return [
      `${name} (${meaning})`,
      unit === 'share' ? percent(found) : found.toFixed(4),
      unit === 'share' ? percentRange(figures[key]) : `${low.toFixed(4)} to ${high.toFixed(4)}`,
    ];
  });
  const cell = (value: number, of: Interval | null): string =>
    `${(100 * value).toFixed(1)}${of === null ? '' : ` (${percentRange(of, 1)})`}`;
  const { ece, overconfidence, bins } = calibration;
  return [
    `### ${split}: ${grouped(n)} images`,
    ...(before === '' ? [] : [before]),
    `The standard error of the accuracy is ${(100 * standardError).toFixed(2)} points.`,
    markdownTable(['', 'figure', '95 % interval'], summary),
    'By class, in percent with 95 % intervals:',
    markdownTable(
      ['', 'images', 'recall', 'precision', 'F1'],
      metrics.perClass.map((each, c) => [
        each.label,
        grouped(each.support),
        cell(each.recall, perClass[c].recall),
        cell(each.precision, perClass[c].precision),
        cell(each.f1, perClass[c].f1),
      ]),
    ),
    'Confusion matrix (rows: target, columns: prediction; images):',
    markdownTable(
      ['', ...labels],
      metrics.confusion.map((row, c) => [labels[c], ...row.map((count) => grouped(count))]),
    ),
    `Calibration: confidence and accuracy are ${percent(ece)} apart on average (expected calibration error, ` +
      `${bins.length} bins); on the whole it is ${overconfidence >= 0 ? 'more confident than right' : 'right more often than its confidence suggests'}, by ${(100 * Math.abs(overconfidence)).toFixed(2)} points.`,
    markdownTable(
      ['confidence', 'images', 'mean confidence', 'accuracy'],
      bins
        .filter(({ count }) => count > 0)
        .map(({ low, high, count, confidence, accuracy: right }) => [
          `${percentRange({ low, high }, 0)} %`,
          grouped(count),
          percent(confidence ?? 0, 1),
          percent(right ?? 0, 1),
        ]),
    ),
  ].join('\n\n');
}
