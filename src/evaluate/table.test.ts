import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { computeMetrics } from './metrics.ts';
import { confusionTable, metricsText, perClassTable } from './table.ts';

const LABELS = ['angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral'];

function metricsOf(confusion: number[][], labels: string[]) {
  const logits: number[] = [];
  const targets: number[] = [];
  confusion.forEach((row, target) => {
    row.forEach((count, prediction) => {
      for (let i = 0; i < count; i++) {
        targets.push(target);
        logits.push(...labels.map((_, c) => (c === prediction ? 1 : 0)));
      }
    });
  });
  return computeMetrics(Float64Array.from(logits), targets, labels, 2);
}

test('a small result as text', () => {
  const metrics = metricsOf(
    [
      [30, 10],
      [0, 1200],
    ],
    ['happy', 'sad'],
  );
  expect(metricsText(metrics).split('\n')).toEqual([
    '1,240 images, 620 images/s',
    `accuracy 99.19 %   top-2 100.00 %   loss ${metrics.loss.toFixed(4)}`,
    'balanced accuracy 87.50 %   macro F1 92.65 %   kappa 0.853   Matthews 0.862',
    '',
    '            precision    recall       F1  images',
    'happy        100.00 %   75.00 %  85.71 %      40',
    'sad           99.17 %  100.00 %  99.59 %   1,200',
    'macro mean    99.59 %   87.50 %  92.65 %   1,240',
    '',
    'Confusion, images (row: target, column: prediction)',
    '       happy    sad',
    'happy     30     10',
    'sad        0  1,200',
    '',
    'Confusion, % of each row (row: target, column: prediction)',
    '       happy    sad',
    'happy   75.0   25.0',
    'sad      0.0  100.0',
  ]);
});

test('images that are training images as well are named', () => {
  const metrics = { ...metricsOf([[1200]], ['happy']), unseen: { n: 1100, accuracy: 0.5 } };
  expect(metricsText(metrics).split('\n')[3]).toBe(
    'accuracy 50.00 % on the 1,100 images that are not in Training as well',
  );
});

const seven = metricsOf(
  LABELS.map((_, r) => LABELS.map((_, c) => (r === c ? 1500 : r + c))),
  LABELS,
);

test('seven classes fit into 80 columns, long labels are cut', () => {
  for (const line of metricsText(seven).split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  const long = metricsOf([[1]], ['an expression nobody has a word for']);
  expect(confusionTable(long)).toContain('an expressi…');
});

test('colour changes nothing but colour', () => {
  const plain = [perClassTable(seven), confusionTable(seven), confusionTable(seven, { normalized: true })];
  const painted = [
    perClassTable(seven, { color: true }),
    confusionTable(seven, { color: true }),
    confusionTable(seven, { color: true, normalized: true }),
  ];
  painted.forEach((text, i) => {
    expect(text).not.toBe(plain[i]);
    const stripped = stripVTControlCharacters(text).split('\n');
    expect(stripped.map((line) => line.trimEnd())).toEqual(plain[i].split('\n'));
  });
});
