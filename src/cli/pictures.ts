import { basename, extname } from 'node:path';
import { FerError } from '../errors.ts';
import { listImages } from '../image/list.ts';
import { readGrayImage } from '../image/read.ts';

/** A path that is no readable picture, and why. */
export type Failure = { readonly file: string; readonly error: string };

/**
 * The pictures that the user named, and the named paths that are none.
 *
 * @throws FerError if there is no picture at all
 */
export function picturesOf(paths: readonly string[]): { files: string[]; failures: Failure[] } {
  const files = new Set<string>();
  const failures: Failure[] = [];
  for (const path of paths) {
    try {
      for (const file of listImages([path])) files.add(file);
    } catch (error) {
      if (!(error instanceof FerError)) throw error;
      failures.push({ file: path, error: error.message });
    }
  }
  if (files.size === 0) throw new FerError(failures.map(({ error }) => error).join('\n'));
  return { files: [...files], failures };
}

/** Grey pixels [size, size] of each picture, or why it cannot be read. */
export function readPictures(
  files: readonly string[],
  size: number,
): Promise<({ readonly file: string; readonly pixels: Uint8Array } | Failure)[]> {
  return Promise.all(
    files.map(async (file) => {
      try {
        return { file, pixels: await readGrayImage(file, size) };
      } catch (error) {
        if (!(error instanceof FerError)) throw error;
        return { file, error: error.message };
      }
    }),
  );
}

/** The faces of those that could be read, one after the other: [n, size, size]. */
export function facesOf(pictures: readonly ({ readonly pixels: Uint8Array } | Failure)[]): Uint8Array {
  const good = pictures.filter((picture) => 'pixels' in picture);
  const area = good[0]?.pixels.length ?? 0;
  const faces = new Uint8Array(good.length * area);
  good.forEach(({ pixels }, i) => {
    faces.set(pixels, i * area);
  });
  return faces;
}

/**
 * A name for each picture's results: that of the picture without its ending, with a number where two
 * pictures have the same, also for file systems that do not tell capitals.
 */
export function resultNames(files: readonly string[]): string[] {
  const taken = new Set<string>();
  return files.map((file) => {
    const plain = basename(file, extname(file));
    let name = plain;
    for (let number = 2; taken.has(name.toLowerCase()); number++) name = `${plain}-${number}`;
    taken.add(name.toLowerCase());
    return name;
  });
}
