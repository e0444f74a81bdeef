import { expect, test } from 'vitest';
import { attribute, elements, placedTexts, textGrid, textOf } from '../../test/svg.ts';
import { confusionChart } from './confusionChart.ts';
import { type CurvePoint, curveChart, curvesChart } from './curvesChart.ts';
import { type Chart, escapeXml, renderSvg } from './renderSvg.ts';
import { svgToPng } from './svgToPng.ts';
import { PALETTES, paletteCss } from './theme.ts';

const row = (epoch: number, valAccuracy?: number): CurvePoint => ({
  epoch,
  lr: 0.01 / epoch,
  trainLoss: 2 / epoch,
  trainAccuracy: 1 - 1 / (epoch + 1),
  valLoss: valAccuracy === undefined ? undefined : 1.5,
  valAccuracy,
});
const curves = (history: readonly CurvePoint[], best: number | null): Chart =>
  curvesChart(history, { name: 'my_vgg', val: 'PublicTest', best });
const texts = (svg: string): string[] => placedTexts(svg).map(({ text }) => text);
/** Corners of the curves in a colour, one list a line; a symbol of the legend has a place of its own. */
const lines = (svg: string, color: string): number[][][] =>
  elements(svg, (element) => element.tagName === 'path' && attribute(element, 'stroke') === color)
    .filter((element) => attribute(element, 'transform') === undefined)
    .map((element) => attribute(element, 'd') ?? '')
    .filter((d) => d.includes('L'))
    .map((d) =>
      d
        .split(/[ML]/)
        .slice(1)
        .map((point) => point.split(',').map(Number)),
    );

test('every epoch stands under its tick, the last one too', async () => {
  const history = Array.from({ length: 55 }, (_, i) => row(i + 1, 0.5));
  const labels = elements(await renderSvg(curves(history, 54)), 'text').filter((text) =>
    /^5+$/.test(textOf(text)),
  );
  expect(labels.map(textOf)).toEqual(['5', '55', '5', '55', '5', '55']);
  for (const label of labels) expect(attribute(label, 'text-anchor')).toBe('middle');
});

test('the confusion matrix: rows are targets, columns predictions, shares over counts', async () => {
  const labels = ['happy', 'sad', 'fear'];
  const confusion = [
    [1200, 300, 0],
    [5, 15, 20],
    [0, 0, 0],
  ];
  const confusionNormalized = [
    [0.8, 0.2, 0],
    [0.125, 0.375, 0.5],
    [0, 0, 0],
  ];
  const chart = confusionChart({ labels, confusion, confusionNormalized });
  const svg = await renderSvg(chart);
  const placed = placedTexts(svg);
  expect(textGrid(placed, 15)).toEqual([
    ['80.0', '20.0', '0.0'],
    ['12.5', '37.5', '50.0'],
    ['0.0', '0.0', '0.0'],
  ]);
  expect(textGrid(placed, 11)).toEqual([
    ['1,200', '300', '0'],
    ['5', '15', '20'],
    ['0', '0', '0'],
  ]);
  const axes = placed.filter(({ text }) => labels.includes(text));
  const columns = axes.slice(0, 3).sort((a, b) => a.x - b.x);
  const rows = axes.slice(3).sort((a, b) => a.y - b.y);
  expect([columns, rows].map((axis) => axis.map(({ text }) => text))).toEqual([labels, labels]);
  expect(new Set(columns.map(({ y }) => y)).size).toBe(1);
  expect(chart.description).toContain('happy 80.0 %, sad 37.5 %, fear 0.0 %');
  expect(chart.description).toContain('sad taken for fear, 50.0 %');
});

test('what a confusion matrix is of is not cut, however few its classes', async () => {
  const subtitle =
    'a/epoch_20.safetensors + b/epoch_20.safetensors on PublicTest, 5 images: accuracy 60.00 %';
  const svg = await renderSvg(
    confusionChart({ labels: ['sad'], confusion: [[5]], confusionNormalized: [[1]] }, { subtitle }),
  );
  // Lines of a text follow each other without a space.
  const text = placedTexts(svg).find((one) => one.text.startsWith('a/epoch'))?.text;
  expect(text?.replaceAll(' ', '')).toBe(`${subtitle}% of each row, and images`.replaceAll(' ', ''));
});

test('seven classes come to about 600 px', async () => {
  const labels = ['angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral'];
  const zeros = labels.map(() => labels.map(() => 0));
  const svg = await renderSvg(confusionChart({ labels, confusion: zeros, confusionNormalized: zeros }));
  const width = Number(attribute(elements(svg, 'svg')[0], 'width'));
  expect(Math.abs(width - 600)).toBeLessThan(20);
});

test('curves: a line a series, the best epoch marked in every panel', async () => {
  const history = [row(1, 0.3), row(2, 0.5), row(3, 0.4)];
  const svg = await renderSvg(curves(history, 2));
  const [validation, training, rate] = PALETTES.light.series;
  for (const [color, panels] of [
    [validation, 2],
    [training, 2],
    [rate, 1],
  ] as const) {
    const found = lines(svg, color);
    expect(found.map((line) => line.length)).toEqual(new Array(panels).fill(3));
  }
  const dashes = elements(svg, (element) => attribute(element, 'stroke-dasharray') === '3,3');
  expect(dashes).toHaveLength(3);
  // The training accuracy rises, its loss and the rate fall; y counts downwards.
  const [accuracy, loss] = lines(svg, training).map((line) => line.map(([, y]) => y));
  expect(accuracy[0]).toBeGreaterThan(accuracy[2]);
  expect(loss[0]).toBeLessThan(loss[2]);
  expect(texts(svg)).toEqual(
    expect.arrayContaining(['PublicTest', 'training', 'Accuracy', 'Loss', 'my_vgg']),
  );
  expect(texts(svg)).toContain('3 epochs; best 50.00 % on PublicTest after epoch 2 (dashed)');
  expect(texts(svg)).toContain('Learning rate');
});

test.each([
  ['no validation', [row(1), row(2)], null],
  ['one epoch', [row(1, 0.2)], 1],
  ['many epochs', Array.from({ length: 400 }, (_, i) => row(i + 1, i / 400)), 400],
  ['no epoch', [], null],
] as const)('curves with %s', async (name, history, best) => {
  const svg = await renderSvg(curves(history, best));
  const shown = texts(svg);
  expect(shown.includes('PublicTest')).toBe(name === 'one epoch' || name === 'many epochs');
  expect(svg).not.toMatch(/NaN|undefined|null/);
  expect((await svgToPng(svg)).subarray(1, 4).toString()).toBe('PNG');
});

test('a panel alone', async () => {
  const options = { name: 'r', val: 'PublicTest', best: 2 };
  for (const figure of ['accuracy', 'loss', 'lr'] as const) {
    const svg = await renderSvg(curveChart(figure, [row(1, 0.3), row(2, 0.5)], options), { theme: 'css' });
    expect(texts(svg)).toContain({ accuracy: 'Accuracy', loss: 'Loss', lr: 'Learning rate' }[figure]);
  }
});

test('text is text: nothing in a name becomes markup', async () => {
  const name = `<img src=x onerror="alert('1')"> & \u0001co`;
  const svg = await renderSvg(curvesChart([row(1)], { name, val: 'PublicTest', best: null }));
  expect(elements(svg, 'img')).toEqual([]);
  expect(attribute(elements(svg, 'svg')[0], 'aria-label')).toContain(`<img src=x onerror="alert('1')"> & co`);
  expect(textOf(elements(svg, 'title')[0])).toContain('<img src=x');
  expect(escapeXml('a<b>&"\'\u0000\ufffe')).toBe('a&lt;b&gt;&amp;&quot;&#39;');
});

test('themes: the same chart in other colours, and with variables of the page', async () => {
  const [light, dark, css] = await Promise.all(
    (['light', 'dark', 'css'] as const).map((theme) => renderSvg(curves([row(1, 0.3)], 1), { theme })),
  );
  expect(light).toContain(PALETTES.light.background);
  expect(dark).toContain(PALETTES.dark.background);
  for (const [value, name] of Object.entries({ ink: 'var(--chart-ink)', grid: 'var(--chart-grid)' })) {
    expect(css).toContain(name);
    expect(light).toContain(PALETTES.light[value as 'ink' | 'grid']);
  }
  // Every variable that charts may use has a value.
  for (const theme of ['light', 'dark'] as const) {
    const defined = new Set([...paletteCss(theme).matchAll(/(--[\w-]+):/g)].map(([, name]) => name));
    for (const [, name] of JSON.stringify(PALETTES.css).matchAll(/var\((--[\w-]+)\)/g))
      expect(defined).toContain(name);
  }
});

test('the font is inside only where it is asked for', async () => {
  const chart = curves([row(1, 0.3)], 1);
  expect(await renderSvg(chart, { font: true })).toContain('font/woff2');
  expect(await renderSvg(chart)).not.toContain('@font-face');
});

test('a wrong specification is an error, not a gap in the picture', async () => {
  const chart: Chart = {
    title: '',
    description: '',
    spec: () => ({ data: { values: [{ a: 1 }] }, mark: 'bar', encoding: { x: {} } }),
  };
  await expect(renderSvg(chart)).rejects.toThrow("the chart's specification is wrong");
});
