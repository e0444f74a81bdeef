import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { fer, ferOnTerminal } from '../../test/commands.ts';
import { temporaryFolder } from '../../test/dataFiles.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const ARGS = [
  ...['train', 'data=synthetic:60', 'width=8', 'bs=8', 'lr=0.01', 'warmup=0', 'scheduler=constant'],
  ...[`runs=${folder.path}`, 'threads=2'],
];
const EPOCH =
  /^epoch 1\/2 {2}lr 0\.01 {2}train \d\.\d{4} \d+\.\d\d % {2}val \d\.\d{4} \d+\.\d\d % \* {2}[\d.]+ images\/s {2}[\d.]+ s$/m;

test('on a terminal: bars that are gone in the end, and a line an epoch', async () => {
  const { code, stdout, stderr } = await ferOnTerminal(...ARGS, 'name=bar', 'n_epochs=2');
  expect(code).toBe(0);
  const frames = stderr.split('\r');
  for (const label of ['epoch 1/2', 'epoch 2/2', 'validating on PublicTest']) {
    const bars = frames.filter((frame) => frame.startsWith(`${label} `) && /[█░]/.test(frame));
    expect(bars.length, label).toBeGreaterThan(0);
    for (const bar of bars) expect(bar.replace('\u001b[K', '').length).toBeLessThan(100);
  }
  expect(stderr).toMatch(/epoch 1\/2 █+░* +\d+% .* images\/s {2}loss \d\.\d{4} {2}accuracy \d+\.\d\d %/);
  // What stays on the screen.
  const left = stderr
    .split('\n')
    .map((line) => line.split('\r').at(-1)?.replace('\u001b[K', ''))
    .join('\n');
  expect(left).toMatch(EPOCH);
  expect(left).not.toMatch(/[█░]/);
  expect(stdout).toMatch(/bar: 2 epochs, best \d+\.\d\d % on PublicTest after epoch [12]\n$/);
});

test('elsewhere: a plain line an epoch', async () => {
  const { code, stderr } = await fer(...ARGS, 'name=plain', 'n_epochs=2', 'json=true');
  expect(code).toBe(0);
  const lines = stderr.trimEnd().split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(
    new RegExp(`^${join(folder.path, 'plain')}: vgg on CPU, WebAssembly .*, 2 threads$`),
  );
  expect(lines[1]).toMatch(EPOCH);
});

test('no signal is listened to afterwards', async () => {
  const counts = (): number[] => ['SIGINT', 'SIGTERM', 'SIGHUP'].map((name) => process.listenerCount(name));
  const before = counts();
  expect((await fer(...ARGS, 'name=quiet', 'n_epochs=1')).code).toBe(0);
  expect((await fer(...ARGS, 'name=quiet', 'n_epochs=1')).code).toBe(1);
  expect(counts()).toEqual(before);
});

test('early stopping says why it ended', async () => {
  const { stdout } = await fer(...ARGS, 'name=patient', 'patience=1', 'n_epochs=40');
  expect(stdout).toMatch(/patient: \d+ epochs \(no better accuracy in 1 epochs\), best /);
});
