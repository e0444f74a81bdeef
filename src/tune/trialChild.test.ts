import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { trialOf } from '../../test/trials.ts';
import type { TrialTask } from './runTrial.ts';
import { TrialChild } from './trialChild.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fer-child-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A process that does what `body` says with the task it gets. */
function program(name: string, body: string): string {
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, `process.on('message', (command) => { ${body} });\nsetInterval(() => {}, 1000);\n`);
  return path;
}

const task = () => ({ trial: trialOf(), runs: folder }) as unknown as TrialTask;

test('a process that has answered but does not end is ended, and its answer counts', async () => {
  const hangs = program(
    'hangs',
    "process.send({ type: 'done', result: { status: 'finished', seconds: 7 } });",
  );
  const child = new TrialChild(task(), () => {}, hangs, 100);
  expect(await child.ended).toEqual({ status: 'finished', seconds: 7 });
});

test('one that ends before it answers has failed, and says how', async () => {
  const dies = program('dies', "console.error('no room'); process.exit(3);");
  const child = new TrialChild(task(), () => {}, dies, 100);
  expect(await child.ended).toMatchObject({
    status: 'failed',
    problem: expect.stringMatching(/with code 3: no room/),
  });
});

test('one that is at work is left alone, however long it takes', async () => {
  const works = program(
    'works',
    `process.send({ type: 'epoch', epoch: 1, accuracy: 0.5, seconds: 1 });
     setTimeout(() => process.send({ type: 'done', result: { status: 'finished' } }, () => process.exit(0)), 500);`,
  );
  const epochs: unknown[] = [];
  const child = new TrialChild(task(), (report) => epochs.push(report), works, 100);
  expect(await child.ended).toEqual({ status: 'finished' });
  expect(epochs).toHaveLength(1);
});
