import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { temporaryFolder } from './dataFiles.ts';
import { start } from './process.ts';

const PACK = fileURLToPath(new URL('../lab/gpu/pack.sh', import.meta.url));

const folder = temporaryFolder();
afterAll(() => folder.remove());
const at = (...names: string[]): string => join(folder.path, ...names);

/** Packs into `parts` with a csv, from a folder that is not the repository, and ends before anything is copied. */
function pack() {
  write('faces.csv');
  mkdirSync(at('bin'), { recursive: true });
  writeFileSync(at('bin', 'cp'), '#!/bin/sh\necho reached >&2\nexit 9\n', { mode: 0o755 });
  const path = `${at('bin')}${delimiter}${process.env.PATH}`;
  return start('env', [`PATH=${path}`, 'bash', PACK, 'parts', 'faces.csv'], { cwd: folder.path }).ended;
}

function write(...names: string[]): void {
  mkdirSync(dirname(at(...names)), { recursive: true });
  writeFileSync(at(...names), 'x');
}

test.runIf(process.platform === 'linux')(
  'packing removes what it made before, and nothing else',
  async () => {
    for (const name of ['1', '2', '10', '2024-photos', '3d', 'own']) write('parts', name, 'sums');
    write('parts', '7.txt');
    const { code, stderr } = await pack();
    expect({ code, stderr }).toEqual({ code: 9, stderr: 'reached\n' });
    expect(readdirSync(at('parts')).sort()).toEqual(['2024-photos', '3d', '7.txt', 'own']);
  },
);

test.runIf(process.platform === 'linux').each([
  ['a folder', ['4', 'thesis.txt']],
  ['a file', ['4']],
])('packing refuses a place where %s has such a name', async (_, names) => {
  folder.remove();
  write('parts', '1', 'sums');
  write('parts', ...names);
  const { code, stderr } = await pack();
  expect(code).toBe(1);
  expect(stderr).toBe(
    `${at('parts', '4')} is none of the folders that this makes: choose another FOLDER, or move it away\n`,
  );
  expect(existsSync(at('parts', '1', 'sums'))).toBe(true);
  expect(existsSync(at('parts', ...names))).toBe(true);
});
