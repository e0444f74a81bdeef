import { expect, test } from 'vitest';
import { posixWord, windowsWord } from './shellWord.ts';

test.each([
  ['data=a/b.csv', 'data=a/b.csv'],
  ["it's here", "'it'\\''s here'"],
  ['$(reboot)', "'$(reboot)'"],
  ['', "''"],
])('%j in a POSIX shell', (text, word) => {
  expect(posixWord(text)).toBe(word);
});

test.each([
  ['model=C:\\runs\\a', 'model=C:\\runs\\a'],
  ['C:\\my runs\\', '"C:\\my runs\\\\"'],
  ['a "b\\" & c', '"a \\"b\\\\\\" & c"'],
  ["it's", '"it\'s"'],
  ['', '""'],
])('%j on Windows', (text, word) => {
  expect(windowsWord(text)).toBe(word);
});
