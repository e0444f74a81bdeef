import { mkdirSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { svgToPng } from '../charts/svgToPng.ts';
import type { ThemeName } from '../charts/theme.ts';
import { explainFileError, writeFileAtomic } from '../io/files.ts';
import { encodeNpy } from '../io/npy.ts';
import type { Explanation } from './explainer.ts';
import type { MethodName } from './methods.ts';
import { saliencyPanel } from './panel.ts';

/** Where an explanation was written. */
export interface ExplanationFiles {
  readonly png: string;
  readonly svg: string;
  /** The raw map of each method. */
  readonly npy: Readonly<Partial<Record<MethodName, string>>>;
}

/**
 * Makes a folder that may be there already.
 *
 * @throws FerError naming path and remedy
 */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw explainFileError(error, 'make the folder', path);
  }
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

/**
 * Writes `NAME.png` and `NAME.svg` (the panel) and `NAME.METHOD.npy` (float32 [size, size]) into a folder.
 *
 * @param face [size, size], 0 black to 255 white
 * @throws FerError naming path and remedy if the disk refuses
 */
export async function writeExplanation(
  face: Uint8Array,
  explanation: Explanation,
  {
    folder,
    name,
    title,
    theme,
  }: { folder: string; name: string; title: string; theme?: Exclude<ThemeName, 'css'> },
): Promise<ExplanationFiles> {
  const path = (end: string): string => join(folder, `${name}.${end}`);
  const size = Math.sqrt(face.length);
  const svg = await saliencyPanel(face, explanation, { title, theme, font: true });
  writeFileAtomic(path('svg'), svg);
  writeFileAtomic(path('png'), await svgToPng(svg));
  const npy: Partial<Record<MethodName, string>> = {};
  for (const { method, values } of explanation.maps) {
    const file = path(`${method}.npy`);
    writeFileAtomic(file, encodeNpy([size, size], values));
    npy[method] = file;
  }
  return { png: path('png'), svg: path('svg'), npy };
}
