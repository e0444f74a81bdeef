import { type Dirent, readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FerError } from '../errors.ts';
import { explainFileError } from '../io/files.ts';

/** File names taken from a folder; a file named by the user may be called anything. */
const PICTURE = /\.(jpe?g|png|webp)$/i;
/** What `fer explain` and `fer predict annotate=` have drawn, which is no face of its own. */
const DRAWN = /\.(saliency\.png|faces\.jpg)$/;

/**
 * The pictures meant by `paths`: a file stands for itself, a folder for all pictures in it and below, sorted
 * by path. Hidden files and folders and what was drawn of others are skipped, a folder reached twice through links is read
 * once, and a picture named twice is listed once.
 *
 * @throws FerError for a path that does not exist and for a folder without pictures
 */
export function listImages(paths: readonly string[]): string[] {
  const found = new Set<string>();
  for (const path of paths) {
    const isFolder = guarded(path, () => statSync(path).isDirectory());
    if (!isFolder) {
      found.add(path);
      continue;
    }
    const pictures = walk(path, new Set());
    if (pictures.length === 0) {
      throw new FerError(
        `${path}: expected .jpg, .jpeg, .png or .webp files in this folder or below, found none`,
      );
    }
    for (const picture of pictures) found.add(picture);
  }
  return [...found];
}

function walk(folder: string, visited: Set<string>): string[] {
  const real = guarded(folder, () => realpathSync(folder));
  if (visited.has(real)) return [];
  visited.add(real);
  const entries = guarded(folder, () => readdirSync(folder, { withFileTypes: true }));
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    if (entry.name.startsWith('.')) return [];
    const path = join(folder, entry.name);
    if (isFolder(entry, path)) {
      try {
        return walk(path, visited);
      } catch (error) {
        // Reading it as a picture reports it, and the others go on.
        if (error instanceof FerError) return [path];
        throw error;
      }
    }
    return PICTURE.test(entry.name) && !DRAWN.test(entry.name) ? [path] : [];
  });
}

/** Follows links; one that leads nowhere, or in a circle, counts as a file, so that reading it reports it. */
function isFolder(entry: Dirent, path: string): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function guarded<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw explainFileError(error, 'read', path);
  }
}
