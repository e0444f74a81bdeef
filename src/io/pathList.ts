import { existsSync } from 'node:fs';
import { FerError, UsageError } from '../errors.ts';

/**
 * Paths joined by a separator, none if the text is empty. What exists as it stands is one path.
 *
 * @throws UsageError for an empty one among others
 */
export function pathList(text: string, separator: string): string[] {
  if (text === '') return [];
  if (existsSync(text)) return [text];
  const paths = text.split(separator);
  if (paths.includes('')) {
    throw new UsageError(
      `${JSON.stringify(text)}: expected paths joined by ${separator}, found an empty one`,
    );
  }
  return paths;
}

/**
 * An error about a path of an option; where the option has `several`, it says what the path was taken from.
 */
export function errorOfList(error: unknown, option: string, given: string, several: boolean): unknown {
  if (!several || !(error instanceof FerError)) return error;
  return new FerError(`${option}=${given}: ${error.message}`, { cause: error });
}
