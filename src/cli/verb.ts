import type { Options } from '../config/option.ts';
import type { Parsed, VerbSpec } from '../config/parse.ts';
import type { Output } from './output.ts';

/**
 * What a file `src/cli/VERB.ts` exports as `run`. Resolves to the exit code (0 if nothing is returned);
 * throws FerError for what the user can mend and Interrupted after Ctrl-C.
 */
export type Run<O extends Options> = (parsed: Parsed<O>, out: Output) => Promise<number | undefined>;

/** A verb: what it takes, and its code, which is loaded only when it is called so that help stays instant. */
export interface Verb<O extends Options = Options> extends VerbSpec<O> {
  load(): Promise<{ readonly run: Run<O> }>;
}

/** Checks a verb's parts against each other, then forgets its options' types so that verbs fit in one list. */
export function verb<O extends Options>(definition: Verb<O>): Verb {
  return definition as unknown as Verb;
}
