import { describe, expect, test, vi } from 'vitest';
import { assessed, DESCRIPTION } from '../../test/assessed.ts';
import { attribute, type Element, elements, textOf } from '../../test/svg.ts';
import { configOf } from '../../test/training.ts';
import { holm, mcnemar } from '../evaluate/mcnemar.ts';
import type { StoredModel } from '../nn/model.ts';
import { comparePairs, type Pair } from './compareRuns.ts';
import { comparisonReport } from './comparisonReport.ts';
import type { JudgedRun } from './judgedRun.ts';

// The charts have tests of their own.
vi.mock(import('../charts/renderSvg.ts'), async (original) => ({
  ...(await original()),
  renderSvg: async () => '<svg></svg>',
}));

/** Images that a run is judged on. */
const N = 60;
const row = {
  epoch: 1,
  lr: 0.1,
  trainLoss: 1,
  trainAccuracy: 0.5,
  valLoss: 1,
  valAccuracy: 0.5,
  seconds: 2,
  imagesPerSecond: 30,
};

/** A run that gets these images right, and the others wrong. */
async function made(name: string, right: readonly number[], lead = 1): Promise<JudgedRun> {
  const answers = Array.from({ length: N }, (_, n) => {
    const target = n % 3;
    return { target, prediction: right.includes(n) ? target : (target + 1) % 3, lead };
  });
  const record = {
    version: '1.0.0',
    git: null,
    model: DESCRIPTION,
    data: { source: 'x.csv', hash: 'h', images: { Training: N, PublicTest: N, PrivateTest: N } },
    train: configOf({ runs: 'runs', name }),
  };
  return {
    path: `runs/${name}`,
    name,
    record,
    history: [row],
    best: row,
    weights: { epoch: 1 },
    model: { description: DESCRIPTION } as StoredModel,
    ...(await assessed(answers)),
  };
}
const span = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

async function page(runs: readonly JudgedRun[]): Promise<string> {
  return comparisonReport(runs, {
    dataset: { source: 'x.csv', hash: '0'.repeat(64) },
    split: 'PrivateTest',
    crops: 1,
    version: '1.0.0',
    date: new Date(0),
  });
}
const section = (text: string, id: string): Element =>
  elements(text, (each) => each.tagName === 'section' && attribute(each, 'id') === id)[0];
const rowsOf = (of: Element): Element[] => elements(elements(of, 'tbody')[0], 'tr');
const cellsOf = (of: Element): string[] =>
  elements(of, ({ tagName }) => tagName === 'td' || tagName === 'th').map((cell) =>
    textOf(cell).replaceAll('\u00a0', ' '),
  );
const pairRows = (text: string): string[][] => rowsOf(section(text, 'pairs')).map(cellsOf);

function checkPairs(pairs: readonly Pair[], runs: readonly JudgedRun[]): void {
  const right = (name: string): boolean[] =>
    (runs.find((run) => run.name === name) as JudgedRun).predictions.map(({ correct }) => correct);
  const accuracy = (name: string): number => right(name).filter(Boolean).length / N;
  for (const { first, second, difference, interval, ...pair } of pairs) {
    expect(pair).toMatchObject(mcnemar(right(first), right(second)));
    expect(difference).toBeCloseTo(accuracy(first) - accuracy(second), 12);
    expect(interval.low).toBeLessThanOrEqual(difference);
    expect(interval.high).toBeGreaterThanOrEqual(difference);
    expect(interval.low).toBeLessThan(interval.high);
  }
  expect(pairs.map(({ corrected }) => corrected)).toEqual(holm(pairs.map(({ p }) => p)));
}

describe('two runs', () => {
  test.each([
    ['a', span(0, 30), span(0, 20), ['10', '0', '0.002', 'a is better']],
    ['b', span(0, 20), span(0, 30), ['0', '10', '0.002', 'b is better']],
    ['none', span(0, 25), [...span(0, 20), ...span(25, 29)], ['5', '4', '1.000', 'could be chance']],
  ])('better is %s', async (_, first, second, expected) => {
    const runs = [await made('a', first), await made('b', second)];
    const pairs = comparePairs(runs);
    checkPairs(pairs, runs);
    const [[pair, difference, interval, ...rest]] = pairRows(await page(runs));
    expect(pair).toBe('a − b');
    expect(rest).toEqual(expected);
    const number = (text: string): number => Number(text.replace('−', '-'));
    expect(number(difference)).toBeCloseTo((100 * (first.length - second.length)) / N, 2);
    const [low, high] = interval.split(' to ').map(number);
    expect(low).toBeLessThanOrEqual(number(difference));
    expect(high).toBeGreaterThanOrEqual(number(difference));
  });

  test('ten images that one alone gets right, and none the other: p is 2 in 1024', async () => {
    const [pair] = comparePairs([await made('a', span(0, 30)), await made('b', span(0, 20))]);
    expect(pair).toMatchObject({ onlyFirst: 10, onlySecond: 0 });
    expect(pair.difference).toBeCloseTo(1 / 6, 12);
    expect(pair.p).toBeCloseTo(2 / 1024, 12);
    expect(pair.corrected).toBe(pair.p);
  });
});

describe('three runs', () => {
  test('p is corrected for the number of pairs, and the verdict goes by that', async () => {
    const runs = [await made('a', span(0, 40)), await made('b', span(0, 34)), await made('c', span(0, 24))];
    const pairs = comparePairs(runs);
    checkPairs(pairs, runs);
    expect(pairs[0].p).toBeCloseTo(2 / 64, 12);
    const rows = pairRows(await page(runs));
    expect(rows.map(([pair]) => pair)).toEqual(['a − b', 'a − c', 'b − c']);
    expect(rows.map((cells) => cells.slice(5))).toEqual([
      ['0.031', '0.031', 'a is better'],
      ['< 0.0001', '< 0.0001', 'a is better'],
      ['0.002', '0.004', 'b is better'],
    ]);
    const close = [await made('a', span(0, 40)), await made('b', span(0, 34)), await made('c', span(0, 34))];
    expect(pairRows(await page(close)).map((cells) => cells.slice(5))).toEqual([
      ['0.031', '0.094', 'could be chance'],
      ['0.031', '0.094', 'could be chance'],
      ['1.000', '1.000', 'could be chance'],
    ]);
  });

  test('the best of a row is the highest accuracy, and the lowest loss', async () => {
    // The surer a network is, the more its mistakes cost.
    const runs = [
      await made('a', span(0, 30), 1),
      await made('b', span(0, 40), 6),
      await made('c', span(0, 20), 0.1),
    ];
    const losses = runs.map(({ judgement }) => judgement.metrics.loss);
    expect(losses.indexOf(Math.min(...losses))).not.toBe(1);
    const text = await page(runs);
    const best = (name: string): number[] => {
      const found = rowsOf(section(text, 'figures')).find((each) => cellsOf(each)[0] === name) as Element;
      return elements(found, 'td').flatMap((cell, i) =>
        elements(cell, (each) => attribute(each, 'class') === 'best').length > 0 ? [i] : [],
      );
    };
    expect(best('Accuracy')).toEqual([1]);
    expect(best('Loss')).toEqual([losses.indexOf(Math.min(...losses))]);
  });
});
