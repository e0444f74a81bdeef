import { expect, test } from 'vitest';
import { Block } from './block.ts';

/** What a terminal of so many columns shows after all that was written to it. */
function screen(written: string): string[] {
  const lines = [''];
  let row = 0;
  let column = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's language
  for (const [, up, erase, char] of written.matchAll(/\u001b\[(\d+)A|\u001b\[([KJ])|([\s\S])/g)) {
    if (up) row -= Number(up);
    else if (erase) {
      lines[row] = lines[row].slice(0, column);
      if (erase === 'J') lines.length = row + 1;
    } else if (char === '\r') column = 0;
    else if (char === '\n') {
      row++;
      column = 0;
      lines[row] ??= '';
    } else {
      lines[row] = lines[row].slice(0, column).padEnd(column) + char + lines[row].slice(column + 1);
      column++;
    }
    expect(row).toBeGreaterThanOrEqual(0);
  }
  return lines;
}

function terminal(size: { isTTY?: boolean; columns?: number; rows?: number } = { isTTY: true }) {
  let time = 0;
  let written = '';
  const stream = { isTTY: true, ...size, write: (text: string) => (written += text) };
  const block = new Block(stream, () => time);
  return {
    block,
    show: (...lines: string[]) => {
      time++;
      block.update(() => lines);
    },
    write: (text: string) => stream.write(text),
    get shown() {
      return screen(written);
    },
    get written() {
      return written;
    },
  };
}

test('drawn in place, whatever the number of lines', () => {
  const t = terminal();
  t.write('before\n');
  t.show('one', 'two, long', 'three');
  expect(t.shown).toEqual(['before', 'one', 'two, long', 'three']);
  t.show('ONE', 'two');
  expect(t.shown).toEqual(['before', 'ONE', 'two']);
  t.show('a', 'b', 'c', 'd');
  expect(t.shown).toEqual(['before', 'a', 'b', 'c', 'd']);
});

test('gone before another line is printed', () => {
  const t = terminal();
  t.show('a', 'b');
  t.block.clear();
  t.block.clear();
  t.write('a remark\n');
  expect(t.shown).toEqual(['a remark', '']);
  t.show('c');
  expect(t.shown).toEqual(['a remark', 'c']);
});

test('no wider and no higher than the terminal', () => {
  const t = terminal({ columns: 5, rows: 3 });
  t.show('123456', 'b', 'c');
  expect(t.shown).toEqual(['1234', 'b']);
});

test('not twice within a moment, and nothing without a terminal', () => {
  const t = terminal();
  t.show('a');
  t.block.update(() => ['b']);
  expect(t.shown).toEqual(['a']);
  const file = terminal({ isTTY: false });
  file.show('a');
  file.block.clear();
  expect(file.written).toBe('');
});
