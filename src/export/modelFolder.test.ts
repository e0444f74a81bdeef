import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/dataFiles.ts';
import { makeModelFolder } from './modelFolder.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());
const leave = (pid: number | undefined): void =>
  writeFileSync(join(folder.path, `.model.safetensors.${pid}.0123abcd.tmp`), 'half of it');

test('what a killed process left half-written does not keep the same command from being repeated', () => {
  leave(spawnSync(process.execPath, ['-e', '']).pid);
  makeModelFolder(folder.path, false);
  expect(readdirSync(folder.path)).toEqual([]);
});

test('a folder that a live process writes to is not empty', () => {
  leave(process.pid);
  expect(() => makeModelFolder(folder.path, false)).toThrow(/is not empty \(\.model\.safetensors/);
});
