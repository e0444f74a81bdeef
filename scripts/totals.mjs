// What a test run comes to, from vitest's JSON report.

/**
 * `report` is vitest's JSON (null when it wrote none), `code` its exit code, `leftOut` the names of optional
 * parts that were absent. With `requireAll` whatever did not run counts as failed.
 *
 * A file that cannot be loaded has no tests to count: it is one failure. So is a run that failed outside any
 * test (an unhandled rejection) or that found no test at all.
 */
export function totals(report, code, leftOut, requireAll) {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  for (const file of report?.testResults ?? []) {
    const before = failed;
    for (const { status } of file.assertionResults) {
      if (status === 'passed') passed++;
      else if (status === 'failed') failed++;
      else skipped++;
    }
    if (file.status === 'failed' && failed === before) failed++;
  }
  if (requireAll) {
    failed += Math.max(skipped, leftOut.length);
    skipped = 0;
  }
  if (failed === 0 && (code !== 0 || passed === 0)) failed = 1;
  return { passed, failed, skipped };
}

/** The last line of a run. */
export function lastLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
