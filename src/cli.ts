#!/usr/bin/env node
import { main } from './cli/main.ts';
import { leave } from './leave.ts';

// A reader that went away (`fer data x | head -1`, a closed terminal) is no error, and neither that nor a full disk behind
// a redirected stream must end a training. What standard output lost is told in the end.
let lost: NodeJS.ErrnoException | undefined;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE' && error.code !== 'EIO') lost ??= error;
});
process.stderr.on('error', () => undefined);

const code = await main(process.argv.slice(2), process);
// Output into a pipe is asynchronous: leave when the last byte has gone, and do not wait for idle threads.
for (const stream of [process.stdout, process.stderr]) {
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
}
if (lost) process.stderr.write(`fer: standard output is not complete: ${lost.message}\n`);
await leave(lost && code === 0 ? 1 : code);
