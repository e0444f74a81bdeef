import type { MiddlewareHandler } from 'hono';

/** What the page may load and do: its own files, workers of its own, and pictures made in it. */
const POLICY = [
  "default-src 'none'",
  // WebAssembly counts as code; 'wasm-unsafe-eval' lets it be compiled, and nothing else.
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  // Together they isolate the page from others, which browsers want before they let threads share memory.
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(self), microphone=(), geolocation=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** The headers of every answer. */
export function securityHeaders(): MiddlewareHandler {
  return async (context, next) => {
    await next();
    for (const [name, value] of Object.entries(HEADERS)) context.header(name, value);
  };
}

const LOOPBACK_NAMES = new Set(['localhost', '127.0.0.1', '[::1]']);

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Whom a server answers. */
export interface Guarded {
  /** What it listens on. */
  readonly host: string;
  /** The origin of others that may ask; empty: none. */
  readonly cors: string;
  /** The address that a proxy gives it; empty: none. */
  readonly url: string;
}

/**
 * Keeps other pages out. A server on the loopback answers to the loopback's names and its own address alone: another
 * name that leads here (DNS rebinding) would make a stranger's page one of ours. And a page of another origin may ask
 * for nothing, unless its origin is named.
 */
export function guardOrigin({ host, cors, url }: Guarded): MiddlewareHandler {
  const outside = url === '' ? undefined : new URL(url);
  const names = new Set([...LOOPBACK_NAMES, host, ...(outside ? [outside.hostname] : [])]);
  return async (context, next) => {
    const { hostname, origin: here } = new URL(context.req.url);
    if (isLoopback(host) && !names.has(hostname)) {
      const error = `this server is not ${hostname}: behind a proxy it is told with url=`;
      return context.json({ error }, 403);
    }
    const origin = context.req.header('origin');
    if (origin === undefined || origin === here || origin === outside?.origin) return next();
    if (cors === '' || (cors !== '*' && cors !== origin)) {
      return context.json({ error: `pages of ${origin} may not ask here: start the server with cors=` }, 403);
    }
    const allowed = {
      'access-control-allow-origin': cors,
      'access-control-expose-headers': 'retry-after',
      vary: 'origin',
    };
    if (context.req.method === 'OPTIONS') {
      const preflight = {
        'access-control-allow-methods': 'GET, POST',
        'access-control-allow-headers': 'content-type',
        'access-control-max-age': '600',
      };
      return context.body(null, 204, { ...allowed, ...preflight });
    }
    await next();
    for (const [name, value] of Object.entries(allowed)) context.header(name, value);
    context.header('cross-origin-resource-policy', 'cross-origin');
  };
}
