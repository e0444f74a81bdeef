import { readFileSync } from 'node:fs';
import { programHelp, verbHelp } from '../config/help.ts';
import { parseArguments } from '../config/parse.ts';
import { didYouMean } from '../config/suggest.ts';
import { FerError, Interrupted, UsageError } from '../errors.ts';
import { printable } from '../term/plainText.ts';
import { Output, type Streams } from './output.ts';
import type { Verb } from './verb.ts';
import { VERBS } from './verbs.ts';

/**
 * Runs one command line (without `node` and the script). Never throws: every error becomes a message on
 * standard error and an exit code: 1 what the user can mend or a bug, 2 wrong usage, 130 interrupted.
 */
export async function main(argv: readonly string[], streams: Streams, verbs = VERBS): Promise<number> {
  try {
    return await dispatch(argv, streams, verbs);
  } catch (error) {
    streams.stderr.write(`${printable(explain(error))}\n`);
    if (error instanceof UsageError) return 2;
    return error instanceof Interrupted ? 130 : 1;
  }
}

async function dispatch(argv: readonly string[], streams: Streams, verbs: readonly Verb[]): Promise<number> {
  const [first, ...rest] = argv;
  const print = (text: string): number => {
    streams.stdout.write(`${text}\n`);
    return 0;
  };
  if (first === '--version' || first === '-v' || first === 'version') return print(version());
  const askedHelp = first === undefined || isHelp(first) || first === 'help';
  if (askedHelp && rest.length === 0) return print(programHelp(verbs, version()));
  const verb = findVerb(askedHelp ? rest[0] : first, verbs);
  const end = rest.indexOf('--');
  if (askedHelp || (end < 0 ? rest : rest.slice(0, end)).some(isHelp)) return print(verbHelp(verb));

  const parsed = parseArguments(verb, rest);
  const out = new Output(streams, parsed.config.json === true);
  const { run } = await verb.load();
  try {
    return (await run(parsed, out)) ?? 0;
  } finally {
    out.clear();
  }
}

function findVerb(name: string, verbs: readonly Verb[]): Verb {
  const found = verbs.find((verb) => verb.name === name);
  if (found) return found;
  const names = verbs.map((verb) => verb.name);
  const hint = didYouMean(name, names, (word) => `fer ${word}`);
  throw new UsageError(
    `fer: unknown verb ${JSON.stringify(name)}.${hint} Verbs: ${names.join(', ')}.\nSee: fer --help`,
  );
}

function isHelp(argument: string): boolean {
  return argument === '--help' || argument === '-h';
}

/** The message alone where the user can act on it; the stack where only we can. */
function explain(error: unknown): string {
  if (error instanceof FerError) return error.message;
  const stack = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  return `${stack}\n\nThis is a bug in fer ${version()}. Please report it with the lines above and the command.`;
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
