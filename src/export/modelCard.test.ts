import { describe, expect, test } from 'vitest';
import { assessed, DESCRIPTION, type MadeUp } from '../../test/assessed.ts';
import type { Interval } from '../evaluate/bootstrap.ts';
import type { Evaluated } from './evaluated.ts';
import type { ModelCard } from './modelCard/card.ts';
import { modelCard } from './modelCard.ts';

/** Of 1,200 images, five in ten angry and three happy; nobody is ever called sad, and of the others six in seven are right. */
const answers = (lead: (n: number) => number): MadeUp[] =>
  Array.from({ length: 1200 }, (_, n) => {
    const target = n % 10 < 5 ? 0 : n % 10 < 8 ? 1 : 2;
    const prediction = target === 2 ? 0 : n % 7 === 0 ? 1 - target : target;
    return { target, prediction, lead: lead(n) };
  });
const evaluatedOf = async (lead: (n: number) => number): Promise<Evaluated> => ({
  split: 'PublicTest',
  ...(await assessed(answers(lead))),
});
const cardOf = (evaluated: Evaluated, others: Partial<ModelCard> = {}): string =>
  modelCard({
    name: 'made_up',
    license: '',
    description: DESCRIPTION,
    parameters: 1000,
    dtype: 'fp32',
    bytes: 4000,
    crops: 10,
    evaluated: [evaluated],
    rounding: [],
    ...others,
  });

/** The rows of each table of a text, without its head. */
function tablesOf(text: string): string[][][] {
  return [...text.matchAll(/^(?:\|.*\|\n)+/gm)].map(([table]) =>
    table
      .trimEnd()
      .split('\n')
      .slice(2)
      .map((line) => line.slice(2, -2).split(' | ')),
  );
}
const evaluationOf = (card: string): string =>
  card.slice(card.indexOf('\n## Evaluation'), card.indexOf('\n## Limits'));
const share = (value: number): string => `${(100 * value).toFixed(2)} %`;
const shares = ({ low, high }: Interval): string => `${(100 * low).toFixed(2)} to ${(100 * high).toFixed(2)}`;
const plain = ({ low, high }: Interval): string => `${low.toFixed(4)} to ${high.toFixed(4)}`;

describe.each([
  ['too sure', (n: number) => 2 + (n % 4)],
  ['not sure enough', (n: number) => 0.02 * (n % 7)],
])('the figures of a network that is %s', async (kind, lead) => {
  const evaluated = await evaluatedOf(lead);
  const { judgement, bootstrap, calibration } = evaluated;
  const { metrics } = judgement;
  const { figures, perClass } = bootstrap;
  const card = cardOf(evaluated);
  const evaluation = evaluationOf(card);
  const [summary, classes, confusion, bins] = tablesOf(evaluation);

  test('are its own, with their intervals', () => {
    expect(summary.map(([name, ...rest]) => [name.replace(/ \(.*/, ''), ...rest])).toEqual([
      ['Accuracy', share(metrics.accuracy), shares(figures.accuracy)],
      ['Balanced accuracy', share(metrics.balancedAccuracy), shares(figures.balancedAccuracy)],
      ['Macro F1', share(metrics.macro.f1), shares(figures.macroF1)],
      ['Top-2 accuracy', share(metrics.top2), shares(figures.top2)],
      ["Cohen's kappa", metrics.cohenKappa.toFixed(4), plain(figures.cohenKappa)],
      ['Matthews correlation', metrics.matthews.toFixed(4), plain(figures.matthews)],
      ['Loss', metrics.loss.toFixed(4), plain(figures.loss)],
      ['Calibration error', share(calibration.ece), shares(figures.ece)],
    ]);
    // No two alike, so that none can stand for another.
    const values = summary.slice(0, 4).map(([, value]) => value);
    expect(new Set(values).size).toBe(4);
    const error = 100 * Math.sqrt((metrics.accuracy * (1 - metrics.accuracy)) / 1200);
    expect(evaluation).toContain(`The standard error of the accuracy is ${error.toFixed(2)} points.`);
    expect(card).toContain(
      `Accuracy: ${share(metrics.accuracy)} on PublicTest (95 % interval ${shares(figures.accuracy)})`,
    );
  });

  test('by class', () => {
    const cell = (value: number, of: Interval | null): string => {
      const range = of && ` (${(100 * of.low).toFixed(1)} to ${(100 * of.high).toFixed(1)})`;
      return `${(100 * value).toFixed(1)}${range ?? ''}`;
    };
    expect(classes).toEqual(
      metrics.perClass.map(({ label, support, recall, precision, f1 }, c) => [
        label,
        String(support),
        cell(recall, perClass[c].recall),
        cell(precision, perClass[c].precision),
        cell(f1, perClass[c].f1),
      ]),
    );
    expect(perClass[2].precision).toBeNull();
    expect(classes[2][3]).toBe('0.0');
    expect(confusion).toEqual(metrics.confusion.map((row, c) => [metrics.labels[c], ...row.map(String)]));
  });

  test('and of its confidence', () => {
    expect(bins).toEqual(
      calibration.bins
        .filter(({ count }) => count > 0)
        .map(({ low, high, count, confidence, accuracy }) => [
          `${(100 * low).toFixed(0)} to ${(100 * high).toFixed(0)} %`,
          count.toLocaleString('en-US'),
          `${(100 * (confidence as number)).toFixed(1)} %`,
          `${(100 * (accuracy as number)).toFixed(1)} %`,
        ]),
    );
    expect(bins.reduce((sum, [, count]) => sum + Number(count.replace(',', '')), 0)).toBe(1200);
    const { overconfidence } = calibration;
    expect(overconfidence > 0).toBe(kind === 'too sure');
    const leaning =
      kind === 'too sure' ? 'more confident than right' : 'right more often than its confidence suggests';
    expect(evaluation).toContain(
      `are ${share(calibration.ece)} apart on average (expected calibration error, 15 bins); on the whole it is ` +
        `${leaning}, by ${(100 * Math.abs(overconfidence)).toFixed(2)} points.`,
    );
  });

  test('stand in the metadata', () => {
    const head = card.slice(0, card.indexOf('\n---\n', 4));
    const value = (type: string): string | undefined =>
      new RegExp(`- type: ${type}\\n\\s+name: .*\\n\\s+value: (.*)`).exec(head)?.[1];
    expect(value('accuracy')).toBe(metrics.accuracy.toFixed(6));
    expect(value('f1')).toBe(metrics.macro.f1.toFixed(6));
    expect(head).toContain('name: "Accuracy, ten crops"');
  });
});

test('the licence is told where it is known', async () => {
  const evaluated = await evaluatedOf(() => 1);
  const stated = cardOf(evaluated, { license: 'Apache-2.0' });
  expect(stated).toMatch(/^---\nlicense: apache-2\.0\nlibrary_name: fer\n/);
  expect(stated).toContain('\nWeights and card: Apache-2.0. The training data has terms of its own.\n');
  const silent = cardOf(evaluated);
  expect(silent).toMatch(/^---\nlibrary_name: fer\n/);
  expect(silent).toContain('\nLicence: not stated. The training data has terms of its own.\n');
  expect(silent).not.toMatch(/MIT/);
});
