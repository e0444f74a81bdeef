import { existsSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { serve } from '@hono/node-server';
import { FerError } from '../errors.ts';
import { findModel } from '../nn/model.ts';
import { Limiter } from '../recognize/limiter.ts';
import { loadRecognizer } from '../recognize/node.ts';
import type { Device } from '../recognize/types.ts';
import { createApp } from './app.ts';
import { BodyBudget } from './body.ts';
import { ServerMetrics } from './metrics.ts';
import { SteadyRecognizer } from './steadyRecognizer.ts';

export interface ServerOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly model: string;
  readonly runs: string;
  readonly crops: 1 | 10;
  readonly device: Device;
  readonly threads: number;
  /** Requests in work or waiting; more are refused. */
  readonly concurrency: number;
  /** Bytes of a request. */
  readonly limit: number;
  readonly cors: string;
  /** The address that a proxy gives it; empty: none. */
  readonly url: string;
}

/** From src/server and from dist/server alike. */
const PAGE = fileURLToPath(new URL('../../dist/web', import.meta.url));
/** Pictures decoded while the network is busy with another: more would only take memory. */
const DECODED = 2;
/** How long a client may take to send its request. */
const REQUEST_MS = 60_000;
/** How long a connection stays open for the next request: longer than proxies keep theirs, which would send into a closed one. */
const KEEP_MS = 75_000;
/** How long a stopping server waits for answers under way. */
const GRACE_MS = 30_000;
/** How often it closes the connections that have come to rest meanwhile. */
const IDLE_MS = 200;

/** A running `fer serve`. */
export interface RunningServer {
  readonly url: string;
  readonly device: string;
  /** Ends it: no new connections, answers under way are waited for, then threads and memory are given back. */
  stop(): Promise<void>;
}

/**
 * Starts the page and the service.
 *
 * @throws FerError if there is no model, or the address cannot be had
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host, port, model, runs, crops, device, threads, concurrency, limit, cors, url } = options;
  if (!existsSync(PAGE)) throw new FerError(`fer is not built: ${PAGE} is missing; run "npm run build"`);
  const { file: weights } = findModel(model);
  const recognizer = await SteadyRecognizer.open(() => loadRecognizer({ model, crops, device, threads }));
  const limiter = new Limiter(DECODED, concurrency);
  const metrics = new ServerMetrics(() => limiter.inside);
  let stopping = false;
  const app = createApp({
    ...{ recognizer, limiter, metrics, limit, page: PAGE, runs, weights, host, cors, url },
    budget: new BodyBudget(concurrency * limit),
    stopping: () => stopping,
  });
  let server: Server;
  try {
    server = await listen(app.fetch, host, port);
  } catch (error) {
    await recognizer.close();
    throw error;
  }
  const silent = silentSockets(server);
  const { port: actual } = server.address() as { port: number };
  return {
    url: `http://${nameOf(host)}:${actual}/`,
    device: recognizer.device,
    async stop() {
      stopping = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of silent) socket.destroy();
      server.closeIdleConnections();
      const idle = setInterval(() => server.closeIdleConnections(), IDLE_MS);
      const late = setTimeout(() => server.closeAllConnections(), GRACE_MS);
      await closed;
      clearInterval(idle);
      clearTimeout(late);
      await recognizer.close();
    },
  };
}

/** The connections on which nothing was asked yet: to Node they are not idle before a minute has gone by. */
function silentSockets(server: Server): ReadonlySet<Socket> {
  const silent = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  server.on('request', ({ socket }: IncomingMessage) => silent.delete(socket));
  return silent;
}

/** Where a server is reached: all addresses of a machine are no address, and only this one may use camera and threads. */
function nameOf(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  host: string,
  port: number,
): Promise<Server> {
  return new Promise((resolve, reject) => {
    const options = {
      fetch,
      hostname: host,
      port,
      serverOptions: { requestTimeout: REQUEST_MS, keepAliveTimeout: KEEP_MS },
    };
    const server = serve(options, () => resolve(server)) as Server;
    server.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, host, port)));
  });
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code === 'EADDRINUSE') {
    return new FerError(`port ${port} of ${host} is taken: give another port=, or port=0 for any free one`);
  }
  if (error.code === 'EACCES') return new FerError(`port ${port} may not be used: give a port= above 1023`);
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND') {
    return new FerError(`host=${host} is no address of this machine`);
  }
  return error;
}
