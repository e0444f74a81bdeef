import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { main } from './main.ts';

const folder = fs.mkdtempSync(join(os.tmpdir(), 'fer-cli-data-'));
beforeAll(() => vi.stubEnv('FER_CACHE', join(folder, 'cache')));
afterAll(() => {
  vi.unstubAllEnvs();
  fs.rmSync(folder, { recursive: true });
});

async function run(...argv: string[]) {
  const text = { stdout: '', stderr: '' };
  const code = await main(['data', ...argv], {
    stdout: { write: (chunk) => (text.stdout += chunk) },
    stderr: { write: (chunk) => (text.stderr += chunk) },
  });
  return { code, ...text };
}

function csv(name: string, rows: string[]): string {
  const path = join(folder, name);
  fs.writeFileSync(path, ['emotion,pixels,Usage', ...rows, ''].join('\n'));
  return path;
}
const row = (emotion: number, usage: string, pixels = 2304) =>
  `${emotion},${Array(pixels).fill(9).join(' ')},${usage}`;

test('counts the rows of a csv', async () => {
  const path = csv('good.csv', [row(0, 'Training'), row(3, 'Training'), row(3, 'PublicTest')]);
  const { code, stdout } = await run(path, 'json=true');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    rows: 3,
    splits: { Training: { total: 2, classes: { happy: 1, angry: 1 } }, PublicTest: { total: 1 } },
    duplicates: { Training: { repeated: 1 }, PublicTest: { inTraining: 1, otherLabel: 0 } },
    badRows: { total: 0 },
  });
  const { stdout: text } = await run(path);
  expect(text).toMatch(/happy +1 +1 +0 +2/);
  // All rows of these files are of one grey.
  expect(text).toContain(
    'the same pixels more than once:\n  Training: 1 of 2 (50.0 %) repeat an earlier one\n' +
      '  PublicTest: 1 of 1 (100.0 %) are in Training as well\n',
  );
  const other = csv('other.csv', [row(0, 'Training'), row(3, 'PublicTest')]);
  expect((await run(other)).stdout).toContain('are in Training as well, 1 of them with another label');
});

test('bad rows are listed up to the limit and make the exit code 1', async () => {
  const bad = Array.from({ length: 5 }, () => row(1, 'Training', 7));
  const path = csv('bad.csv', [row(0, 'Training'), ...bad]);
  const { code, stdout } = await run(path, 'json=true', 'limit=2');
  expect(code).toBe(1);
  expect(JSON.parse(stdout).badRows).toMatchObject({ total: 5, shown: [{ line: 3 }, { line: 4 }] });
});

test('a missing path says what to do', async () => {
  const { code, stdout, stderr } = await run(join(folder, 'none.csv'), 'json=true');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain('none.csv: no such file');
});
