import sharp from 'sharp';
import type { Backend } from '../engine/backend.ts';
import type { Recognizer } from '../evaluate/recognizer.ts';
import { Explainer, type Explanation } from '../explain/explainer.ts';
import { facePng, mapPng, overlayPng } from '../explain/mapImage.ts';
import { METHODS, type MethodName } from '../explain/methods.ts';
import type { JudgedRun } from './judgedRun.ts';

/** A face of the split with its pictures, as WebP. */
export interface ShownFace {
  /** Its place in the split, from 0. */
  readonly index: number;
  readonly target: string;
  readonly prediction: string;
  readonly confidence: number;
  readonly face: Buffer;
  /** Where the score of the prediction comes from, one picture a method; none where none was asked for. */
  readonly maps: readonly { readonly method: MethodName; readonly picture: Buffer }[];
}

export interface ShownFaces {
  /** Wrong answers, the most confident first. */
  readonly mistakes: readonly ShownFace[];
  /** For each label that has images, the most confident right answers, then the most confident wrong ones. */
  readonly gallery: readonly { readonly label: string; readonly faces: readonly ShownFace[] }[];
}

/** Pixels of a picture's side, sharp enough for the largest thumbnails. */
const SIDE = 96;
/** The fine map of the original, and one of regions, which is shown over the face. */
export const GALLERY_METHODS = ['gradient', 'gradcam'] as const satisfies readonly MethodName[];

export interface ShownFacesOptions {
  readonly mistakes: number;
  /** Faces of each label; 0: no gallery, and no maps at all. */
  readonly faces: number;
  readonly crops: 1 | 10;
  /** Faces a step. */
  readonly batch: number;
  /** Hears how many faces of how many are done. */
  onProgress?(done: number, total: number): void;
}

/** Picks faces worth a look, and explains the answers. */
export async function shownFaces(
  run: JudgedRun,
  backend: Backend,
  recognizer: Recognizer,
  { mistakes, faces, crops, batch, onProgress }: ShownFacesOptions,
): Promise<ShownFaces> {
  const { labels } = run.judgement.metrics;
  const wrong = mostConfident(run, false);
  const ranked = [...mostConfident(run, true), ...wrong];
  const rows = labels
    .map((label, l) => ({
      label,
      indices: ranked.filter((n) => run.judgement.targets[n] === l).slice(0, faces),
    }))
    .filter(({ indices }) => indices.length > 0);
  const worst = wrong.slice(0, mistakes);
  const all = [...new Set([...worst, ...rows.flatMap(({ indices }) => indices)])];
  const explainer =
    faces > 0 ? new Explainer(backend, recognizer, { methods: GALLERY_METHODS, crops, batch }) : undefined;
  const shown = new Map<number, ShownFace>();
  for (let start = 0; start < all.length; start += batch) {
    const indices = all.slice(start, start + batch);
    const pixels = indices.map((n) => faceOf(run, n));
    const explanations = await explainer?.explain(Uint8Array.from(pixels.flatMap((face) => [...face])));
    for (const [i, n] of indices.entries()) shown.set(n, await show(run, n, pixels[i], explanations?.[i]));
    onProgress?.(start + indices.length, all.length);
  }
  const take = (indices: readonly number[]) => indices.map((n) => shown.get(n) as ShownFace);
  return {
    mistakes: take(worst),
    gallery: rows.map(({ label, indices }) => ({ label, faces: take(indices) })),
  };
}

/** Images with right or with wrong answers, the most confident first, in the split's order among equals. */
function mostConfident({ predictions }: JudgedRun, correct: boolean): number[] {
  return [...predictions.keys()]
    .filter((n) => predictions[n].correct === correct)
    .sort((a, b) => predictions[b].confidence - predictions[a].confidence || a - b);
}

function faceOf({ judgement, model }: JudgedRun, n: number): Uint8Array {
  const area = model.description.imageSize ** 2;
  return judgement.images.subarray(n * area, (n + 1) * area);
}

async function show(
  { judgement, predictions }: JudgedRun,
  n: number,
  pixels: Uint8Array,
  explanation: Explanation | undefined,
): Promise<ShownFace> {
  const { labels } = judgement.metrics;
  const maps = (explanation?.maps ?? []).map(async (map) => ({
    method: map.method,
    picture:
      METHODS[map.method].grain === 'region'
        ? await webp(await overlayPng(pixels, map, SIDE))
        : // One pixel each: the page enlarges it.
          await webp(await mapPng(map, Math.sqrt(map.values.length)), true),
  }));
  return {
    index: n,
    target: labels[judgement.targets[n]],
    prediction: labels[predictions[n].label],
    confidence: predictions[n].confidence,
    face: await webp(await facePng(pixels, SIDE)),
    maps: await Promise.all(maps),
  };
}

/** A tenth of the PNG: a report holds a hundred of them. */
function webp(png: Buffer, lossless = false): Promise<Buffer> {
  return sharp(png).webp({ quality: 88, lossless }).toBuffer();
}
