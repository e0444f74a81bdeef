import { existsSync } from 'node:fs';
import { FerError } from '../errors.ts';

/** Paths joined by a separator, none if the text is empty. What exists as it stands is one path. */
export function pathList(text: string, separator: string): string[] {
  return existsSync(text) ? [text] : text.split(separator).filter((path) => path !== '');
}

/**
 * An error about a path of an option; where the option has `several`, it says what the path was taken from.
 */
export function errorOfList(error: unknown, option: string, given: string, several: boolean): unknown {
  if (!several || !(error instanceof FerError)) return error;
  return new FerError(`${option}=${given}: ${error.message}`, { cause: error });
}
