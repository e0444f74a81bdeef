import { join } from 'node:path';
import { svgToPng } from '../charts/svgToPng.ts';
import type { ThemeName } from '../charts/themeName.ts';
import { writeFileAtomic } from '../io/files.ts';
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
 * Writes `NAME.saliency.png` and `NAME.saliency.svg` (the panel), names that no picture has, and `NAME.METHOD.npy` (float32
 * [size, size]) into a folder.
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
  const panel = { png: path('saliency.png'), svg: path('saliency.svg') };
  writeFileAtomic(panel.svg, svg);
  writeFileAtomic(panel.png, await svgToPng(svg));
  const npy: Partial<Record<MethodName, string>> = {};
  for (const { method, values } of explanation.maps) {
    const file = path(`${method}.npy`);
    writeFileAtomic(file, encodeNpy([size, size], values));
    npy[method] = file;
  }
  return { ...panel, npy };
}
