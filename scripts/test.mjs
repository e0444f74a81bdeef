// `npm test`: everything that must hold before a commit, the fastest check first. Arguments go to vitest.
//   FER_TEST_REQUIRE_ALL=1   a part that could not run on this machine is a failure, not a note
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { binOf, root, runNode } from './run.mjs';
import { lastLine, totals } from './totals.mjs';

const requireAll = process.env.FER_TEST_REQUIRE_ALL === '1';

const steps = [
  { name: 'types', run: () => runNode(binOf('typescript', 'tsc'), ['--noEmit', '-p', 'tsconfig.test.json']) },
  {
    name: 'lint, format, import cycles',
    run: () => runNode(binOf('@biomejs/biome', 'biome'), ['ci', '--error-on-warnings', '--colors=off']),
  },
  { name: 'build', run: () => runNode(join(root, 'scripts/build.mjs')) },
];

/** Runs the steps in order; false, after printing its output, at the first that fails. */
function runSteps() {
  for (const { name, run } of steps) {
    const started = performance.now();
    const { code, output } = run();
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${name}: ${code === 0 ? 'ok' : 'FAILED'} (${seconds} s)`);
    if (code !== 0) {
      console.log(output.trimEnd());
      return false;
    }
  }
  return true;
}

/** Runs vitest with its own output on the terminal and prints what ran, what did not and why. */
function runTests(folder) {
  const files = {
    report: join(folder, 'report.json'),
    leftOut: join(folder, 'left-out'),
    ran: join(folder, 'ran'),
  };
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${files.report}`];
  const { status } = spawnSync(
    process.execPath,
    [binOf('vitest', 'vitest'), 'run', '--allowOnly=false', ...reporters, ...process.argv.slice(2)],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, FER_TEST_LEFT_OUT: files.leftOut, FER_TEST_RAN: files.ran },
    },
  );
  const leftOut = linesOf(files.leftOut);
  printList('ran on:', linesOf(files.ran));
  printList(requireAll ? 'NOT RUN, and all parts are required:' : 'not run on this machine:', leftOut);
  const report = existsSync(files.report) ? JSON.parse(readFileSync(files.report, 'utf8')) : null;
  return totals(report, status ?? 1, leftOut, requireAll);
}

/** The distinct lines of a file that tests append to, sorted because test files run in any order. */
function linesOf(file) {
  if (!existsSync(file)) return [];
  return [...new Set(readFileSync(file, 'utf8').split('\n').filter(Boolean))].sort();
}

function printList(title, lines) {
  if (lines.length > 0) console.log([title, ...lines].join('\n  '));
}

let result = { passed: 0, failed: 1, skipped: 0 };
if (runSteps()) {
  const folder = mkdtempSync(join(tmpdir(), 'fer-test-'));
  try {
    result = runTests(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
console.log(lastLine(result));
process.exitCode = result.failed === 0 ? 0 : 1;
