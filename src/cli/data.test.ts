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
    badRows: { total: 0 },
  });
  expect((await run(path)).stdout).toMatch(/happy +1 +1 +0 +2/);
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
