import { expect, test } from 'vitest';
import { SEEN, searchWindows, wholeWindow } from './windows.ts';

test('the whole picture lies in the middle of its window', () => {
  expect(wholeWindow(400, 300)).toEqual({ x: 0, y: -50, width: 400, height: 400 });
  expect(wholeWindow(100, 300)).toEqual({ x: -100, y: 0, width: 300, height: 300 });
});

test('large faces need no windows, and neither do small pictures', () => {
  expect(searchWindows(1920, 1080, SEEN)).toEqual([]);
  expect(searchWindows(256, 256, 1 / 1000)).toEqual([]);
});

test.each([
  [1920, 1280],
  [640, 3000],
  [1000, 1000],
  [4000, 500],
])('a face of any size and place in %i x %i is whole in a window that sees it', (width, height) => {
  const smallest = 1 / 64;
  const windows = [wholeWindow(width, height), ...searchWindows(width, height, smallest)];
  const longer = Math.max(width, height);
  for (let side = Math.max(16, smallest * longer); side < Math.min(width, height); side *= 1.3) {
    for (let i = 0; i <= 40; i++) {
      for (let j = 0; j <= 40; j++) {
        const [x, y] = [(i / 40) * (width - side), (j / 40) * (height - side)];
        const seen = windows.some(
          (window) =>
            side >= SEEN * window.width - 1e-9 &&
            x >= window.x - 1e-9 &&
            y >= window.y - 1e-9 &&
            x + side <= window.x + window.width + 1e-9 &&
            y + side <= window.y + window.height + 1e-9,
        );
        expect(seen, `side ${side} at ${x}, ${y}`).toBe(true);
      }
    }
  }
});

test('half the size takes about four times as many windows', () => {
  const counts = [1 / 32, 1 / 64, 1 / 128].map((smallest) => searchWindows(3000, 2000, smallest).length);
  expect(counts).toEqual([6, 26, 103]);
});
