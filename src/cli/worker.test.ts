import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { fer } from '../../test/commands.ts';
import { temporaryFolder } from '../../test/dataFiles.ts';

const folder = temporaryFolder();
vi.stubEnv('FER_CACHE', join(folder.path, 'cache'));
afterAll(() => {
  vi.unstubAllEnvs();
  folder.remove();
});

test('data that will not do is told before a server is looked for', async () => {
  const worker = (data: string) => fer('worker', 'queue=redis://127.0.0.1:1', `data=${data}`);
  const comma = join(folder.path, 'a,b.csv');
  writeFileSync(comma, 'no csv of faces');
  const whole = await worker(comma);
  expect(whole).toMatchObject({ code: 1, stderr: expect.stringMatching(`^${comma}`) });
  const list = `synthetic:20,${join(folder.path, 'nowhere.csv')}`;
  const several = await worker(list);
  expect(several).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      `data=${list}: ${join(folder.path, 'nowhere.csv')}: no such file or folder`,
    ),
  });
  expect(await worker(join(folder.path, 'nowhere.csv'))).toMatchObject({
    stderr: expect.not.stringContaining('data=/'),
  });
});
