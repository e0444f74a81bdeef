import { spawnSync } from 'node:child_process';
import { open, readdir, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../../test/dataFiles.ts';
import { cacheFile, readCache, writeCache } from './cache.ts';
import { type DatasetContent, splitIndices } from './dataset.ts';

const MOST = vi.hoisted(() => 100);
vi.mock('../io/pieces.ts', async (original) => {
  const { pieces } = await original<typeof import('../io/pieces.ts')>();
  return { LARGEST_PIECE: MOST, pieces: (bytes: Uint8Array) => pieces(bytes, MOST) };
});

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
  vi.stubEnv('FER_CACHE', folder.path);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  folder.remove();
});

const content: DatasetContent = {
  labels: ['angry', 'happy'],
  size: 16,
  images: Uint8Array.from({ length: 2 * 256 }, (_, i) => i % 251),
  targets: Uint8Array.of(0, 1),
  splits: splitIndices([0, 1]),
};

test('what is larger than one read takes is read in several', async () => {
  writeCache('a.csv', 'fingerprint', { content, hash: 'hash' });
  const probe = join(folder.path, 'probe');
  await writeFile(probe, '');
  const handle = await open(probe);
  const read = vi.spyOn(Object.getPrototypeOf(handle), 'read');
  await handle.close();
  expect(await readCache('a.csv', 'fingerprint')).toEqual({ content, hash: 'hash' });
  const lengths = read.mock.calls.map(([, , length]) => length as number);
  expect(Math.max(...lengths)).toBe(MOST);
  expect(lengths.reduce((sum, length) => sum + length)).toBe((await stat(cacheFile('a.csv'))).size);
});

test('what a killed write has left is removed by the next one, and that of a running one is not', async () => {
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  const kept = `.b.dataset.${process.pid}.00c0ffee.tmp`;
  for (const name of [`.a.dataset.${pid}.00c0ffee.tmp`, kept])
    await writeFile(join(folder.path, name), 'part');
  writeCache('a.csv', 'fingerprint', { content, hash: 'hash' });
  expect((await readdir(folder.path)).sort()).toEqual([kept, basename(cacheFile('a.csv'))].sort());
});
