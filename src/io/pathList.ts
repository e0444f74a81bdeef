import { existsSync } from 'node:fs';

/** Paths joined by a separator, none if the text is empty. What exists as it stands is one path. */
export function pathList(text: string, separator: string): string[] {
  return existsSync(text) ? [text] : text.split(separator).filter((path) => path !== '');
}
