import { setTimeout } from 'node:timers/promises';

/** Seconds after which a process has so much code in use that V8 is likely to be compiling some of it. */
const LONG = 5;
/** Milliseconds in which such compilations come to their end. */
const QUIET = 50;

/**
 * Ends the process. Node's exit waits for V8's background threads without serving them: one that compiles and asks
 * for a garbage collection at that moment is never answered, and the process hangs (nodejs/node#54918). So a program
 * that ran for long stands idle for a moment first, in which it does answer.
 */
export async function leave(code: number): Promise<never> {
  if (process.uptime() > LONG) await setTimeout(QUIET);
  process.exit(code);
}
