import { Redis, type RedisOptions } from 'ioredis';
import { FerError, UsageError } from '../errors.ts';

/** Seconds that a server which does not answer is tried for at the start. */
const PATIENCE = 10;
/** Milliseconds between two tries to connect again, at most. */
const MAX_DELAY = 2000;
const CONNECT_TIMEOUT = 5000;

/** Where a queue lives. */
export interface QueueServer {
  /** `redis://host:port/database`, without user and password: for messages. */
  readonly name: string;
  readonly options: RedisOptions;
}

/**
 * Reads `redis://USER:PASSWORD@HOST:PORT/DATABASE`; `rediss` is TLS. A password may also stand in the
 * environment as FER_QUEUE_PASSWORD, where a list of processes does not show it.
 *
 * @throws UsageError without repeating what may be a password
 */
export function queueServer(url: string, environment: NodeJS.ProcessEnv = process.env): QueueServer {
  const problem = (what: string): UsageError =>
    new UsageError(
      `fer: queue= ${what}: write redis://HOST:PORT, or redis://USER:PASSWORD@HOST:PORT/DATABASE.`,
    );
  let parts: URL;
  let user: string;
  let given: string;
  try {
    parts = new URL(url);
    user = decodeURIComponent(parts.username);
    given = decodeURIComponent(parts.password);
  } catch {
    throw problem('is no URL (special characters of a password are written as %40 and the like)');
  }
  const database = /^\/?(\d{0,4})$/.exec(parts.pathname);
  if (parts.hostname === '') throw problem('names no host');
  if (!database) throw problem('names a database that is no number');
  if (parts.search !== '' || parts.hash !== '') throw problem('has something after the database');
  const port = parts.port === '' ? 6379 : Number(parts.port);
  const db = Number(database[1]);
  const password = given || environment.FER_QUEUE_PASSWORD || undefined;
  return {
    name: `${parts.protocol}//${parts.hostname}:${port}${db === 0 ? '' : `/${db}`}`,
    options: {
      // An IPv6 address stands in brackets in a URL, and without them elsewhere.
      host: parts.hostname.replace(/^\[|\]$/g, ''),
      port,
      db,
      username: user || undefined,
      password,
      tls: parts.protocol === 'rediss:' ? {} : undefined,
      connectTimeout: CONNECT_TIMEOUT,
      // Commands wait for the connection to come back, however long that takes.
      maxRetriesPerRequest: null,
      retryStrategy: (times) => Math.min(100 * 2 ** times, MAX_DELAY),
    },
  };
}

/**
 * Connects, trying for a while.
 *
 * @param onNote told when the connection is lost later, and when it is back
 * @throws FerError if the server does not answer, or refuses user and password
 */
export async function connect(
  { name, options }: QueueServer,
  onNote: (line: string) => void,
  patience = PATIENCE,
): Promise<Redis> {
  const client = new Redis(options);
  let last: Error | undefined;
  await new Promise<void>((resolve, reject) => {
    const fail = (): void => {
      client.disconnect();
      reject(new FerError(howToMend(name, last)));
    };
    const timer = setTimeout(fail, 1000 * patience);
    client.once('ready', () => {
      clearTimeout(timer);
      resolve();
    });
    client.on('error', (error: Error) => {
      last = error;
      if (client.status !== 'ready' && isRefusal(error)) {
        clearTimeout(timer);
        fail();
      }
    });
  });
  let lost = false;
  client.on('close', () => {
    if (lost || client.status === 'end') return;
    lost = true;
    onNote(`lost Redis at ${name}: trying again; trials that run go on, and nothing is lost`);
  });
  client.on('ready', () => {
    if (lost) onNote(`Redis at ${name} is back`);
    lost = false;
  });
  return client;
}

/** The server is there and does not let us in: trying again changes nothing. */
function isRefusal({ message }: Error): boolean {
  return /^(WRONGPASS|NOAUTH|NOPERM|ERR invalid password|ERR AUTH|ERR DB index)/.test(message);
}

function howToMend(name: string, error: Error | undefined): string {
  if (error && isRefusal(error)) {
    return `Redis at ${name} refuses us (${error.message.split(' ')[0]}): check user, password and database in queue=`;
  }
  const why = error ? ` (${(error as NodeJS.ErrnoException).code ?? error.message})` : '';
  return (
    `Redis at ${name} does not answer${why}: start it (redis-server), or check host and port in queue=. ` +
    'What trials have finished is kept; the same command goes on'
  );
}
