import { expect, test } from 'vitest';
import { attribute, elements, placedTexts } from '../../test/svg.ts';
import { classDotsChart } from './classDotsChart.ts';
import { legendColumns, linesChart } from './linesChart.ts';
import { reliabilityChart } from './reliabilityChart.ts';
import { renderSvg } from './renderSvg.ts';
import { PALETTES } from './theme.ts';

const texts = (svg: string): string[] => placedTexts(svg).map(({ text }) => text);
const marks = (svg: string, name: string) =>
  elements(svg, (element) =>
    new RegExp(`\\bmark-${name} role-mark\\b`).test(attribute(element, 'class') ?? ''),
  );

const line = (name: string, values: number[]) => ({
  name,
  points: values.map((value, i) => ({ epoch: i + 1, value })),
});
const options = { figure: 'Validation accuracy', format: '.0%' };

test('a line a run, each in a colour of its own, with a legend where there are several', async () => {
  const svg = await renderSvg(linesChart([line('a', [0.1, 0.2]), line('b', [0.3, 0.2, 0.4])], options));
  const paths = marks(svg, 'line').flatMap((group) => elements(group, 'path'));
  expect(paths.map((path) => attribute(path, 'stroke'))).toEqual(PALETTES.light.series.slice(0, 2));
  expect(paths.map((path) => attribute(path, 'd')?.split(/[ML]/).length)).toEqual([3, 4]);
  expect(texts(svg)).toEqual(expect.arrayContaining(['a', 'b', 'Validation accuracy', '1', '2', '3']));
  expect(texts(await renderSvg(linesChart([line('a', [0.1])], options)))).not.toContain('a');
});

test('a run keeps its colour, and the legend its name, where another has no such figure', async () => {
  const svg = await renderSvg(linesChart([line('a', []), line('b', [0.3, 0.2])], options));
  const paths = marks(svg, 'line').flatMap((group) => elements(group, 'path'));
  expect(paths.map((path) => attribute(path, 'stroke'))).toEqual([PALETTES.light.series[1]]);
  expect(texts(svg)).toContain('b');
  expect(texts(svg)).not.toContain('a');
});

test('more runs than colours are told apart, by dashes and by shapes', async () => {
  const names = Array.from({ length: 15 }, (_, i) => `run ${i}`);
  const lines = await renderSvg(
    linesChart(
      names.map((name, i) => line(name, [i / 20, i / 30])),
      options,
    ),
  );
  const classes = [{ label: 'happy', value: 0.5, low: 0.4, high: 0.6 }];
  const dots = await renderSvg(
    classDotsChart(
      'Recall',
      names.map((name) => ({ name, classes })),
    ),
  );
  const looks = (svg: string, mark: string, keys: string[]): string[] =>
    marks(svg, mark)
      .flatMap((group) => elements(group, 'path'))
      .map((path) => keys.map((key) => attribute(path, key)).join());
  const colors = names.map((_, i) => PALETTES.light.series[i % 7]);
  expect(looks(lines, 'line', ['stroke'])).toEqual(colors);
  expect(new Set(looks(lines, 'line', ['stroke', 'stroke-dasharray'])).size).toBe(names.length);
  expect(looks(dots, 'symbol', ['fill'])).toEqual(colors);
  expect(new Set(looks(dots, 'symbol', ['fill', 'd'])).size).toBe(names.length);
});

test('a legend has as many columns as fit', () => {
  expect(legendColumns(['a', 'b', 'c'], 268)).toBeGreaterThanOrEqual(3);
  expect(legendColumns(['a rather long name', 'b'], 268)).toBe(1);
  expect(legendColumns(['x'.repeat(100)], 100)).toBe(1);
});

test('reliability: bars as high as the share that is right, pale where there are few answers', async () => {
  const bin = (low: number, count: number, accuracy: number | null) => ({
    low,
    high: low + 0.25,
    count,
    confidence: accuracy === null ? null : low + 0.1,
    accuracy,
  });
  const bins = [bin(0, 0, null), bin(0.25, 3, 1), bin(0.5, 50, 0.5), bin(0.75, 150, 0.75)];
  const svg = await renderSvg(reliabilityChart({ bins, ece: 0.1 }));
  const [counts, shares] = marks(svg, 'rect').map((group) => elements(group, 'path'));
  const height = (path: (typeof shares)[number]): number =>
    Math.abs(Number(/v(-?[\d.]+)h/.exec(attribute(path, 'd') ?? '')?.[1]));
  expect(counts).toHaveLength(3);
  const full = height(shares[0]);
  expect(shares.map((path) => height(path) / full)).toEqual([1, 0.5, 0.75]);
  expect(shares.map((path) => Number(attribute(path, 'opacity')))).toEqual([0.3, 1, 1]);
  const [few, , most] = counts.map(height);
  expect(few / most).toBeCloseTo(3 / 150, 2);
});

test('dots of each run, and no interval where there is none', async () => {
  const classes = (value: number) => [
    { label: 'happy', value, low: value - 0.1, high: value + 0.1 },
    { label: 'sad', value: 0, low: null, high: null },
  ];
  const runs = ['a', 'b', 'c'].map((name, i) => ({ name, classes: classes(0.3 + i / 10) }));
  const svg = await renderSvg(classDotsChart('Recall', runs));
  expect(marks(svg, 'rule').flatMap((group) => elements(group, 'line'))).toHaveLength(3);
  expect(marks(svg, 'symbol').flatMap((group) => elements(group, 'path'))).toHaveLength(6);
  expect(texts(svg)).toEqual(expect.arrayContaining(['a', 'b', 'c', 'happy', 'sad']));
});

test('names that differ in their ends alone stand in a row each, whole', async () => {
  const names = [1, 2].map((seed) => `fer2013_width32_lr0.01_cosine_seed${seed}`);
  const svg = await renderSvg(
    linesChart(
      names.map((name) => line(name, [0.1, 0.2])),
      options,
    ),
  );
  expect(texts(svg)).toEqual(expect.arrayContaining(names));
});
