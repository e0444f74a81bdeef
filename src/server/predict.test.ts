import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { Limiter } from '../recognize/limiter.ts';
import type { NodePicture } from '../recognize/nodePicture.ts';
import { BodyBudget } from './body.ts';
import { ServerMetrics } from './metrics.ts';
import { type PredictService, predict } from './predict.ts';
import type { SteadyRecognizer } from './steadyRecognizer.ts';

test('does no work for a client that has gone while it waited', async () => {
  const asked: (() => void)[] = [];
  const recognizer = {
    recognize: () => new Promise((resolve) => asked.push(() => resolve([]))),
  } as unknown as SteadyRecognizer<NodePicture>;
  const limiter = new Limiter(1, 4);
  const metrics = new ServerMetrics(() => limiter.inside);
  const service: PredictService = { recognizer, limiter, metrics, budget: new BodyBudget(100), limit: 10 };
  const answered: number[] = [];
  const app = new Hono();
  app.post('/', async (context) => {
    const response = await predict(context, service);
    answered.push(response.status);
    return response;
  });
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }) as Server;
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
  };

  const leaving = new AbortController();
  const stays = fetch(url, { method: 'POST', body: 'a' });
  await until(() => asked.length === 1);
  const goes = fetch(url, { method: 'POST', body: 'b', signal: leaving.signal });
  await until(() => limiter.inside === 2);
  const next = fetch(url, { method: 'POST', body: 'c' });
  await until(() => limiter.inside === 3);
  leaving.abort();
  await expect(goes).rejects.toThrow(/abort/i);
  // Until the server has heard of it, too.
  await new Promise((resolve) => setTimeout(resolve, 50));
  asked[0]();
  expect((await stays).status).toBe(200);
  await until(() => asked.length === 2);
  asked[1]();
  expect((await next).status).toBe(200);
  expect(answered).toEqual([200, 499, 200]);
  expect(asked).toHaveLength(2);
  server.close();
});
