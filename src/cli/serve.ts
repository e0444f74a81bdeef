import type { serveOptions } from '../config.ts';
import { findModel, modelName } from '../nn/model.ts';
import { startServer } from '../server/server.ts';
import { untilSignal } from './common.ts';
import type { Run } from './verb.ts';

/** `fer serve`: the page and the service, until it is stopped. */
export const run: Run<typeof serveOptions> = async ({ config }, out) => {
  const { max_mb, ...rest } = config;
  const signal = untilSignal(() =>
    out.note('stopping: answers under way are waited for; once more to stop at once'),
  );
  const name = modelName(findModel(config.model));
  const server = await startServer({ ...rest, limit: max_mb * 2 ** 20 });
  out.result({ url: server.url, pid: process.pid }, () => `fer serves ${name} at ${server.url}`);
  out.note(`service: ${server.device}. Ctrl-C stops it.`);
  await signal.received;
  await server.stop();
  signal.ignore();
  return 0;
};
