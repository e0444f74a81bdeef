import { expect, test } from 'vitest';

const { totals, lastLine } = await import(new URL('../scripts/totals.mjs', import.meta.url).href);

const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((each) => ({ status: each })),
});
const report = (...testResults: ReturnType<typeof file>[]) => ({ testResults });

test('counts tests over all files', () => {
  const two = report(file('passed', 'passed', 'passed'), file('failed', 'passed', 'failed', 'skipped'));
  expect(totals(two, 1, [], false)).toEqual({ passed: 3, failed: 1, skipped: 1 });
});

test('a file that does not load is a failure', () => {
  expect(totals(report(file('passed', 'passed'), file('failed')), 1, [], false).failed).toBe(1);
});

test('a failure outside the tests is a failure', () => {
  expect(totals(report(file('passed', 'passed')), 1, [], false).failed).toBe(1);
});

test('nothing run is a failure', () => {
  expect(totals(null, 0, [], false).failed).toBe(1);
  expect(totals(report(), 0, [], false).failed).toBe(1);
});

test('what was left out fails only where everything is required', () => {
  const some = report(file('passed', 'passed', 'skipped', 'todo'));
  expect(totals(some, 0, ['gpu'], false)).toEqual({ passed: 1, failed: 0, skipped: 2 });
  expect(totals(some, 0, ['gpu'], true)).toEqual({ passed: 1, failed: 2, skipped: 0 });
  expect(totals(report(file('passed', 'passed')), 0, ['gpu'], true).failed).toBe(1);
});

test('the last line names skipped tests only where there are some', () => {
  expect(lastLine({ passed: 4, failed: 0, skipped: 0 })).toBe('4 passed, 0 failed');
  expect(lastLine({ passed: 4, failed: 1, skipped: 2 })).toBe('4 passed, 1 failed, 2 skipped');
});
