import { expect, test } from 'vitest';
import { alignColumns } from './columns.ts';

const ROWS = [['', 'images', 'label'], ['angry', '12', 'x'], ['a']];

test('names to the left, figures to the right, nothing behind the last one', () => {
  expect(alignColumns(ROWS)).toEqual(['       images  label', 'angry      12      x', 'a']);
  expect(alignColumns(ROWS, { isRight: (column) => column === 1 })).toEqual([
    '       images  label',
    'angry      12  x',
    'a',
  ]);
});

test('colours come after the padding', () => {
  const paint = (text: string, row: number, column: number): string => `${row}${column}<${text}>`;
  expect(alignColumns(ROWS, { paint })[1]).toBe('10<angry>  11<    12>  12<    x>');
});
