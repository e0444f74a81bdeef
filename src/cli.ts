#!/usr/bin/env node
import { main } from './cli/main.ts';
import { leave } from './leave.ts';

// A reader that went away (`fer data x | head -1`, a closed terminal) is no error, and must not end a training.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
  });
}

const code = await main(process.argv.slice(2), process);
// Output into a pipe is asynchronous: leave when the last byte has gone, and do not wait for idle threads.
for (const stream of [process.stdout, process.stderr]) {
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
}
await leave(code);
