import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { FerError } from '../errors.ts';
import { readFileBytes } from '../io/files.ts';

/** The files of npm's `@mediapipe/face_detection`, by what they are for. */
export const MODEL_FILES = {
  shortRange: 'face_detection_short_range.tflite',
  fullRange: 'face_detection_full_range.tflite',
} as const;

/**
 * BlazeFace's two models, out of the installed package. Node only; a page fetches the same files.
 *
 * @throws FerError if the package is not there
 */
export async function loadFaceModels(): Promise<{ shortRange: Uint8Array; fullRange: Uint8Array }> {
  let folder: string;
  try {
    folder = dirname(createRequire(import.meta.url).resolve('@mediapipe/face_detection/package.json'));
  } catch (error) {
    throw new FerError(
      'the face detector is missing: npm\'s @mediapipe/face_detection, a dependency of fer; install it again with "npm ci"',
      { cause: error },
    );
  }
  return {
    shortRange: readFileBytes(join(folder, MODEL_FILES.shortRange)),
    fullRange: readFileBytes(join(folder, MODEL_FILES.fullRange)),
  };
}
