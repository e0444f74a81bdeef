import { expect, test } from 'vitest';
import { csvText } from './csv.ts';

test('a cell is quoted where it has to be', () => {
  expect(
    csvText([
      ['plain', 1.5, ''],
      ['a,b', 'say "no"', 'two\nlines'],
    ]),
  ).toBe('plain,1.5,\n"a,b","say ""no""","two\nlines"\n');
});
