import { expect, test } from 'vitest';
import { bestRow, type EpochRow, historyCsv, isEpochRow, parseHistory } from './history.ts';

const row = (epoch: number, valAccuracy: number): EpochRow => ({
  epoch,
  lr: 0.1 / 3,
  trainLoss: 1.2345678901234567,
  trainAccuracy: 1 / 3,
  valLoss: 5e-324,
  valAccuracy,
  seconds: 12.3456,
  imagesPerSecond: 98.7654,
});

test('figures keep all their digits, times are rounded', () => {
  expect(historyCsv([row(1, 0.5)]).split('\n')).toEqual([
    'epoch,lr,train_loss,train_accuracy,val_loss,val_accuracy,seconds,images_per_second',
    '1,0.03333333333333333,1.2345678901234567,0.3333333333333333,5e-324,0.5,12.346,98.77',
    '',
  ]);
});

test('what was written is read', () => {
  const rows = [row(1, 0.5), row(2, 0.25)];
  const rounded = rows.map((each) => ({ ...each, seconds: 12.346, imagesPerSecond: 98.77 }));
  expect(parseHistory(historyCsv(rows))).toEqual(rounded);
  expect(parseHistory(historyCsv(rows).replaceAll('\n', '\r\n'))).toEqual(rounded);
  expect(parseHistory(historyCsv([]))).toEqual([]);
});

test.each([
  ['', 'empty'],
  ['epoch,lr\n1,2\n', 'other columns'],
  [historyCsv([row(1, 0.5)]).slice(0, -20), 'cut'],
  [historyCsv([row(1, 0.5)]).replace('0.5,', ','), 'an empty cell'],
  [historyCsv([row(1, 0.5)]).replace('0.5,', 'high,'), 'a word'],
])('%j is no history: %s', (csv) => {
  expect(parseHistory(csv)).toBeUndefined();
});

test('epochs without validation leave its columns empty', () => {
  const rows = [1, 2].map((epoch): EpochRow => ({ ...row(epoch, 0), valLoss: null, valAccuracy: null }));
  expect(historyCsv(rows).split('\n')[1]).toBe(
    '1,0.03333333333333333,1.2345678901234567,0.3333333333333333,,,12.346,98.77',
  );
  expect(parseHistory(historyCsv(rows))?.map(({ valLoss, valAccuracy }) => [valLoss, valAccuracy])).toEqual([
    [null, null],
    [null, null],
  ]);
  expect(rows.every(isEpochRow)).toBe(true);
  expect(bestRow(rows)?.epoch).toBe(2);
});

test('a row is one with all its figures', () => {
  expect(isEpochRow(row(1, 0.5))).toBe(true);
  const { lr: _, ...rest } = row(1, 0.5);
  const { valLoss: __, valAccuracy: ___, ...unknown } = row(1, 0.5);
  for (const wrong of [
    rest,
    unknown,
    null,
    3,
    { ...row(1, 0.5), valLoss: null },
    { ...row(1, 0.5), lr: '0.1' },
  ])
    expect(isEpochRow(wrong)).toBe(false);
});

test('the best is the first of the highest', () => {
  expect(bestRow([row(1, 0.2), row(2, 0.4), row(3, 0.4), row(4, 0.3)])?.epoch).toBe(2);
  expect(bestRow([])).toBeNull();
});
