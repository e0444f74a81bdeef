import { expect, test } from 'vitest';
import { CLI, start } from './process.ts';

const HOOKS = `export async function resolve(name, context, next) {
  if (name === 'webgpu') throw new Error("Cannot find package 'webgpu'");
  return next(name, context);
}`;
const WITHOUT_PACKAGE = `import { register } from 'node:module';
register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(HOOKS)}`)});`;

/** `fer` where the optional package is not installed. */
const fer = (...args: string[]) =>
  start(process.execPath, [
    '--import',
    `data:text/javascript,${encodeURIComponent(WITHOUT_PACKAGE)}`,
    CLI,
    ...args,
  ]).ended;
const SMALL = ['bench', 'width=8', 'bs=1', 'steps=1', 'threads=1'];

test('without its package a GPU is an error that says so, and auto does without', async () => {
  const asked = await fer(...SMALL, 'device=gpu');
  expect(asked).toMatchObject({ code: 1, stdout: '' });
  expect(asked.stderr).toMatch(/optional package "webgpu" cannot be loaded.*npm install webgpu.*device=cpu/s);
  const auto = await fer(...SMALL, 'device=auto');
  expect(auto).toMatchObject({ code: 0, stderr: '' });
  expect(auto.stdout).toContain('on CPU, WebAssembly');
});
