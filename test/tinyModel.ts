import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll } from 'vitest';
import type { Dataset } from '../src/data/dataset.ts';
import { temporaryFolder } from './dataFiles.ts';
import { faces, trainTiny } from './training.ts';

/** A photo with three faces, of npm's `@vladmandic/face-api`. */
export const PHOTO = fileURLToPath(
  new URL('../node_modules/@vladmandic/face-api/demo/sample1.jpg', import.meta.url),
);
export const FACES_IN_PHOTO = 3;

/** The photo as a JPEG with that longer side, for tests that need not find small faces. */
export function smallPhoto(side = 640): Promise<Buffer> {
  return sharp(PHOTO).resize(side, side, { fit: 'inside' }).jpeg({ quality: 92 }).toBuffer();
}

export interface TinyModel {
  /** The folder that holds the run. */
  readonly runs: string;
  /** The run. */
  readonly model: string;
  readonly dataset: Dataset;
  at(name: string): string;
}

/** Trains a tiny network on drawn faces, in a folder that is removed after the tests of the file. */
export async function tinyModel(): Promise<TinyModel> {
  const folder = temporaryFolder();
  afterAll(() => folder.remove());
  const dataset = faces({ Training: 60 });
  const at = (name: string): string => `${folder.path}/${name}`;
  await trainTiny({ runs: at('runs'), n_epochs: 6, lr: 0.02, augment: false }, { dataset });
  return { runs: at('runs'), model: at('runs/a'), dataset, at };
}

/** A drawn face [size, size]. */
export function drawnFace({ images, size }: Dataset, i: number): Uint8Array {
  return images.subarray(i * size * size, (i + 1) * size * size);
}

/** A drawn face as a PNG. */
export function facePng(dataset: Dataset, i: number): Promise<Buffer> {
  const { size } = dataset;
  return sharp(drawnFace(dataset, i), { raw: { width: size, height: size, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
}
