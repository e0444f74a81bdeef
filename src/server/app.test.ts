import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { Limiter } from '../recognize/limiter.ts';
import type { NodePicture } from '../recognize/nodePicture.ts';
import type { PhotoRecognizer } from '../recognize/types.ts';
import { createApp } from './app.ts';
import { BodyBudget } from './body.ts';
import { ServerMetrics } from './metrics.ts';
import { SteadyRecognizer } from './steadyRecognizer.ts';

const folder = mkdtempSync(join(tmpdir(), 'fer-app-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

async function app(host: string, problem?: Error) {
  const fake = { problem, device: 'none', model: { labels: ['sad'] }, close: async () => {} };
  const load = vi
    .fn<() => Promise<PhotoRecognizer<NodePicture>>>()
    .mockResolvedValueOnce(fake as unknown as PhotoRecognizer<NodePicture>)
    .mockRejectedValue(new Error('still broken'));
  const limiter = new Limiter(1, 4);
  return createApp({
    ...{ host, limiter, page: folder, runs: folder, weights: '', cors: '', url: '', limit: 100 },
    recognizer: await SteadyRecognizer.open(load),
    metrics: new ServerMetrics(() => limiter.inside),
    budget: new BodyBudget(400),
    stopping: () => false,
  });
}

test('a network that does not answer: the server is not healthy, and pictures are to come again', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  const failing = await app('127.0.0.1', new Error('the device is lost'));
  const health = await failing.request('/healthz');
  expect(health.status).toBe(503);
  expect(await health.json()).toEqual({ status: 'failing', device: 'none', labels: ['sad'] });
  const answer = await failing.request('/api/predict', { method: 'POST', body: 'a' });
  expect(answer.status).toBe(503);
  expect(answer.headers.get('retry-after')).toBe('1');
  expect((await answer.json()).error).toMatch(/does not answer and is loaded anew/);
});

test('on all addresses it answers to any name, on the loopback to those of the loopback', async () => {
  const status = async (host: string): Promise<number> =>
    (await (await app(host)).request('http://anything.example/api/runs')).status;
  expect(await status('0.0.0.0')).toBe(200);
  expect(await status('127.0.0.1')).toBe(403);
});
