import { describe, expect, test } from 'vitest';
import { formatDuration, formatProgress, formatRate, Progress, type ProgressState } from './progress.ts';

const STATE: ProgressState = {
  label: 'epoch 3/60',
  done: 7200,
  total: 28800,
  unit: 'images',
  seconds: 60,
  fields: { loss: '1.234', acc: '45.6%' },
};

describe('formatProgress', () => {
  test('says everything when there is room', () => {
    expect(formatProgress(STATE, 120)).toBe(
      `epoch 3/60 ${'█'.repeat(8)}${'░'.repeat(24)}  25%  120 images/s  loss 1.234  acc 45.6%  3m 00s left`,
    );
  });

  test.each([200, 120, 100, 80, 79, 60, 40, 20, 5])('never exceeds %i columns', (width) => {
    for (const done of [0, 1, 14400, 28799, 28800, 40000]) {
      expect(formatProgress({ ...STATE, done }, width).length).toBeLessThanOrEqual(width);
    }
  });

  test('the bar goes before the figures do', () => {
    expect(formatProgress(STATE, 70)).toBe(
      'epoch 3/60  25%  120 images/s  loss 1.234  acc 45.6%  3m 00s left',
    );
  });

  test('a step resumed half-way counts only its own work for the rate', () => {
    expect(formatProgress({ ...STATE, doneBefore: 6600 }, 100)).toContain('10.0 images/s');
  });

  test('no rate and no time left before anything is done', () => {
    expect(formatProgress({ ...STATE, done: 0, seconds: 0, fields: {} }, 60)).toBe(
      `epoch 3/60 ${'░'.repeat(32)}   0%`,
    );
    expect(formatProgress({ ...STATE, done: 0, total: 0 }, 60)).not.toContain('NaN');
  });
});

test.each([
  [0, '0.0s'],
  [0.99, '0.9s'],
  [1, '1s'],
  [59.4, '59s'],
  [59.6, '1m 00s'],
  [187, '3m 07s'],
  [3599.7, '1h 00m'],
  [7500, '2h 05m'],
  [90_000, '1d 01h'],
  [Number.POSITIVE_INFINITY, '?'],
])('formatDuration(%d) is %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test('formatRate', () => {
  expect(formatRate(1234.4, 'images')).toBe('1,234 images/s');
  expect(formatRate(9.72, 'images')).toBe('9.7 images/s');
  expect(formatRate(85e6, 'bytes')).toBe('85.0 MB/s');
});

describe('Progress', () => {
  function terminal(isTTY: boolean) {
    const written: string[] = [];
    let time = 100;
    const stream = { isTTY, columns: 60, write: (text: string) => written.push(text) };
    return { written, stream, now: () => time, wait: (seconds: number) => (time += seconds) };
  }

  test('redraws ten times a second at most, and always at the end', () => {
    const { written, stream, now, wait } = terminal(true);
    const progress = new Progress(stream, { label: 'x', total: 1000, now });
    for (let i = 0; i < 1000; i++) {
      wait(0.001);
      progress.update(i);
    }
    expect(written.length).toBeGreaterThanOrEqual(9);
    expect(written.length).toBeLessThanOrEqual(11);
    const before = written.length;
    progress.update(1000);
    expect(written.length).toBe(before + 1);
    expect(written.at(-1)).toContain('100%');
  });

  test('each drawing replaces the last one and leaves the last column free', () => {
    const { written, stream, now, wait } = terminal(true);
    const progress = new Progress(stream, { label: 'x', total: 10, now });
    wait(1);
    progress.update(5, { loss: '1.0', accuracy: '50%', more: 'text that does not fit at all' });
    expect(written[0].startsWith('\r')).toBe(true);
    expect(written[0].endsWith('\u001b[K')).toBe(true);
    expect(written[0].length - '\r\u001b[K'.length).toBeLessThanOrEqual(59);
    progress.clear();
    progress.clear();
    expect(written.slice(1)).toEqual(['\r\u001b[K']);
  });

  test('writes nothing where there is no terminal', () => {
    const { written, stream, now } = terminal(false);
    const progress = new Progress(stream, { label: 'x', total: 10, now });
    progress.update(10);
    progress.clear();
    expect(written).toEqual([]);
  });
});
