import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Redis } from 'ioredis';
import { optional } from './optional.ts';

/** Whether tests with a real Redis can run here. */
export function hasRedis(): boolean {
  const found = spawnSync('redis-server', ['--version'], { encoding: 'utf8' });
  return optional(
    'redis',
    found.status === 0,
    'no redis-server in PATH; on Debian: apt-get install redis-server',
  );
}

/** A Redis server of this test alone, on the loopback, its append-only file in `folder`. */
export class RedisServer {
  readonly port: number;
  readonly #folder: string;
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, folder: string, args: readonly string[]) {
    this.port = port;
    this.#folder = folder;
    this.#args = args;
  }

  static async start(folder: string, ...args: string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), folder, args);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it again; one that runs is left alone. */
  async start(): Promise<void> {
    if (this.#runs()) return;
    const settings = ['--bind', '127.0.0.1', '--port', String(this.port), '--dir', this.#folder];
    // What it has answered outlives it. Otherwise the last second may be lost, and with it a result that was taken.
    const log = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
    this.#process = spawn('redis-server', [...settings, ...log, ...this.#args], { stdio: 'ignore' });
    const client = new Redis(this.port, '127.0.0.1', { retryStrategy: () => 50, maxRetriesPerRequest: null });
    client.on('error', () => undefined);
    // Of a server with a password too: it answers, if only to refuse.
    await client.ping().catch(() => undefined);
    client.disconnect();
  }

  /** Has it forget everything. */
  async clear(): Promise<void> {
    const client = new Redis(this.port, '127.0.0.1');
    await client.flushall();
    client.disconnect();
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    const running = this.#process;
    if (!running || !this.#runs()) return;
    running.kill('SIGKILL');
    await once(running, 'exit');
  }

  #runs(): boolean {
    return this.#process?.exitCode === null && this.#process.signalCode === null;
  }
}

/** A port of the loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
