import { createReadStream, readdirSync, statSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { Readable } from 'node:stream';
import type { Context } from 'hono';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
};

/** Every file below a folder, by its path as an address. What is not in the list cannot be asked for. */
export function filesBelow(folder: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    files.set(relative(folder, file).split(sep).join('/'), file);
  }
  return files;
}

/**
 * A file as an answer, streamed. Browsers ask again whether it has changed, and are told so by its size
 * and time.
 *
 * @param forever the name holds a hash of the content: never ask again
 */
export function sendFile(context: Context, file: string, forever = false): Response {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats?.isFile()) return context.json({ error: 'not found' }, 404);
  const { size, mtimeMs } = stats;
  const tag = `"${size.toString(36)}-${Math.trunc(mtimeMs).toString(36)}"`;
  const headers = {
    'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
    'cache-control': forever ? 'public, max-age=31536000, immutable' : 'no-cache',
    etag: tag,
  };
  if (context.req.header('if-none-match') === tag) return context.body(null, 304, headers);
  if (context.req.method === 'HEAD') {
    return context.body(null, 200, { ...headers, 'content-length': String(size) });
  }
  const stream = Readable.toWeb(createReadStream(file, { end: Math.max(0, size - 1) })) as ReadableStream;
  return context.body(stream, 200, { ...headers, 'content-length': String(size) });
}
