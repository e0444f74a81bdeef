import { afterEach, expect, test, vi } from 'vitest';
import { type Signal, untilSignal } from './common.ts';

let signal: Signal | undefined;
afterEach(() => {
  signal?.ignore();
  vi.restoreAllMocks();
});

test('a closed terminal asks for an end, once, and a signal after it does not end the process yet', async () => {
  const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
  const onFirst = vi.fn();
  signal = untilSignal(onFirst, true);
  expect(signal.isReceived).toBe(false);
  process.emit('SIGHUP');
  process.emit('SIGHUP');
  await signal.received;
  process.emit('SIGTERM');
  expect(signal.isReceived).toBe(true);
  expect(onFirst).toHaveBeenCalledTimes(1);
  expect(exit).not.toHaveBeenCalled();
  process.emit('SIGINT');
  expect(exit).toHaveBeenCalledWith(130);
});

test('what does not write to the terminal outlives it', () => {
  const onFirst = vi.fn();
  signal = untilSignal(onFirst, false);
  process.emit('SIGHUP');
  expect(signal.isReceived).toBe(false);
  process.emit('SIGTERM');
  expect(signal.isReceived).toBe(true);
  expect(onFirst).toHaveBeenCalledTimes(1);
});
