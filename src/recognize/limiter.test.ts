import { describe, expect, test } from 'vitest';
import { Limiter, Overloaded } from './limiter.ts';

describe('limiter', () => {
  test('runs so many at a time, in the order they came', async () => {
    const limiter = new Limiter(2, 10);
    const started: number[] = [];
    const ends: (() => void)[] = [];
    const all = [0, 1, 2, 3].map((i) =>
      limiter.run(async () => {
        started.push(i);
        await new Promise<void>((resolve) => ends.push(resolve));
        return i;
      }),
    );
    await Promise.resolve();
    expect(started).toEqual([0, 1]);
    ends[1]();
    expect(await all[1]).toBe(1);
    expect(started).toEqual([0, 1, 2]);
    ends[0]();
    await all[0];
    expect(started).toEqual([0, 1, 2, 3]);
    ends[2]();
    ends[3]();
    expect(await Promise.all(all)).toEqual([0, 1, 2, 3]);
  });

  test('a failure gives its place back', async () => {
    const limiter = new Limiter(1, 10);
    await expect(limiter.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await limiter.run(async () => 'yes')).toBe('yes');
  });

  test('refuses more than it admits', () => {
    const limiter = new Limiter(1, 2);
    limiter.admit();
    limiter.admit();
    expect(() => limiter.admit()).toThrow(Overloaded);
    expect(limiter.inside).toBe(2);
    limiter.leave();
    limiter.admit();
    expect(limiter.inside).toBe(2);
  });
});
