import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/dataFiles.ts';
import { LOCK, lockRun, refuseLocked } from './runLock.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());
const file = (): string => join(folder.path, LOCK);
const hold = (holder: object): void => writeFileSync(file(), JSON.stringify(holder));
const locked = () => expect(() => lockRun(folder.path)).toThrow(/process \d+ is training .* delete .*\.lock/);

/** A process that lives until it is killed. */
async function sleeper() {
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  return {
    pid: child.pid as number,
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

test('one at a time in this process, and again after it was given back', () => {
  const unlock = lockRun(folder.path);
  locked();
  // The same folder by another path.
  expect(() => lockRun(join(folder.path, '..', folder.path.split('/').at(-1) ?? ''))).toThrow('is training');
  expect(() => refuseLocked(folder.path)).toThrow('is training');
  unlock();
  expect(readdirSync(folder.path)).toEqual([]);
  refuseLocked(folder.path);
  lockRun(folder.path)();
});

test('another process holds it as long as it lives', async () => {
  const other = await sleeper();
  hold({ pid: other.pid, host: hostname(), started: null });
  locked();
  expect(() => refuseLocked(folder.path)).toThrow(`process ${other.pid} is training`);
  await other.kill();
  refuseLocked(folder.path);
  const unlock = lockRun(folder.path);
  expect(JSON.parse(readFileSync(file(), 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() });
  expect(readdirSync(folder.path)).toEqual([LOCK]);
  unlock();
});

test.runIf(process.platform === 'linux')(
  'a process that got the id of a dead one does not hold it',
  async () => {
    const other = await sleeper();
    const stat = readFileSync(`/proc/${other.pid}/stat`, 'utf8');
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    hold({ pid: other.pid, host: hostname(), started });
    locked();
    hold({ pid: other.pid, host: hostname(), started: String(Number(started) - 1) });
    lockRun(folder.path)();
    await other.kill();
  },
);

test.each([
  ['our own id, from before', { pid: process.pid, host: hostname(), started: null }],
  ['another host', { pid: 1, host: 'elsewhere', started: null }],
  ['no id', { pid: 'none' }],
  ['a group', { pid: -1, host: hostname(), started: null }],
])('%s: taken over', (_, holder) => {
  hold(holder);
  refuseLocked(folder.path);
  lockRun(folder.path)();
  expect(readdirSync(folder.path)).toEqual([]);
});

test('an empty lock, as a power cut leaves it: taken over', () => {
  writeFileSync(file(), '');
  lockRun(folder.path)();
  expect(readdirSync(folder.path)).toEqual([]);
});

test('of many who start at once over a stale lock exactly one gets it', async () => {
  hold({ pid: process.pid + 1e6, host: hostname(), started: null });
  const script = `
    import { lockRun } from ${JSON.stringify(new URL('../../dist/train/runLock.js', import.meta.url).href)};
    const at = Number(process.argv[1]);
    while (Date.now() < at);
    try { lockRun(${JSON.stringify(folder.path)}); console.log('got it'); }
    catch (error) { console.log(error.message); }
    process.stdin.resume();`;
  const start = Date.now() + 700;
  const children = Array.from({ length: 6 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', script, String(start)]),
  );
  // The lock is kept until the slowest has tried, however long a busy machine takes to start it.
  const answers = await Promise.all(
    children.map(async (child) => {
      const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
      return String(line).trim();
    }),
  );
  const ends = children.map((child) => once(child, 'close'));
  for (const child of children) child.stdin.end();
  await Promise.all(ends);
  expect(answers.filter((answer) => answer === 'got it')).toHaveLength(1);
  for (const answer of answers) expect(answer).toMatch(/^got it$|is training/);
});

test('giving it back leaves the lock of whoever took it after it was deleted by hand', () => {
  const unlock = lockRun(folder.path);
  const other = { pid: 1, host: 'elsewhere', started: null };
  hold(other);
  unlock();
  expect(JSON.parse(readFileSync(file(), 'utf8'))).toEqual(other);
  expect(readdirSync(folder.path)).toEqual([LOCK]);
});

test('a folder that is not there', () => {
  refuseLocked(join(folder.path, 'none'));
  expect(() => lockRun(join(folder.path, 'none'))).toThrow(/cannot write .*\.lock: there is no such file/);
  mkdirSync(file());
  expect(() => refuseLocked(folder.path)).toThrow(/cannot read .*\.lock: it is a folder/);
});
