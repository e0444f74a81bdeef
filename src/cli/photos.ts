import { join } from 'node:path';
import type { PredictConfig } from '../config.ts';
import type { Backend } from '../engine/backend.ts';
import { FerError, PictureError } from '../errors.ts';
import { FaceDetector } from '../face/detector.ts';
import { loadFaceModels } from '../face/loadModels.ts';
import { type Photo, readPhoto } from '../image/read.ts';
import { makeFolder, writeFileAtomic } from '../io/files.ts';
import type { LoadedModel } from '../nn/loadModel.ts';
import { PictureRecognizer } from '../recognize/pictureRecognizer.ts';
import type { Box, RecognizedFace } from '../recognize/types.ts';
import { type Failure, resultNames } from './pictures.ts';

/** One face in a photograph; places are in pixels of the upright picture, to the tenth. */
export type FacePrediction = Pick<RecognizedFace, 'box' | 'keypoints' | 'faceScore' | 'label' | 'scores'>;

/**
 * What was found in a photograph, the most certain face first; one that could not be read has an error instead, and one
 * whose annotated picture could not be written has it beside its faces.
 */
export type PhotoPrediction =
  | {
      readonly file: string;
      readonly faces: readonly FacePrediction[];
      readonly annotated?: string;
      readonly error?: string;
    }
  | Failure;

/** Finds the faces of photographs, asks the network about them and draws its answers. */
export class PhotoPredictor {
  readonly #recognizer: PictureRecognizer;
  /** Of each file, where its annotated picture goes. */
  readonly #annotated = new Map<string, string>();
  #detector: FaceDetector | undefined;

  constructor(backend: Backend, model: LoadedModel, files: readonly string[], config: PredictConfig) {
    const { annotate, bs, crops, min_score: minScore, max_faces, smallest } = config;
    const options = { crops, minScore, maxFaces: max_faces || undefined, smallest };
    // Not before it is needed: a picture that is a face crop itself does without.
    const detector = async (): Promise<FaceDetector> => {
      this.#detector ??= FaceDetector.create(await loadFaceModels());
      return this.#detector;
    };
    this.#recognizer = new PictureRecognizer(backend, model, detector, options, bs);
    if (annotate === '') return;
    makeFolder(annotate);
    // Never the name of the picture itself, also where the folder is its own.
    for (const [i, name] of resultNames(files).entries()) {
      this.#annotated.set(files[i], join(annotate, `${name}.faces.jpg`));
    }
  }

  /** @throws FerError where not the picture is to blame: the next one would fare no better */
  async predict(file: string): Promise<PhotoPrediction> {
    try {
      const photo = await readPhoto(file);
      const [found] = await this.#recognizer.recognize([{ ...photo.image, scale: photo.scale }]);
      const faces = found.map(({ box, keypoints, faceScore, label, scores }) => ({
        box: rounded(box),
        keypoints: keypoints && (mapValues(keypoints, rounded) as FacePrediction['keypoints']),
        faceScore,
        label,
        scores,
      }));
      const annotated = this.#annotated.get(file);
      if (annotated === undefined) return { file, faces };
      const problem = await draw(photo, faces, annotated);
      return problem === undefined ? { file, faces, annotated } : { file, faces, error: problem };
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      return { file, error: error.message };
    }
  }
}

/** To the tenth of a pixel. */
function rounded<T extends object>(numbers: T): T {
  return mapValues(numbers, (value) => Math.round(10 * (value as number)) / 10) as T;
}

function mapValues(of: object, change: (value: never) => unknown): object {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, change(value as never)]));
}

/** @returns why, if the disk refuses */
async function draw(
  { image, scale }: Photo,
  faces: readonly FacePrediction[],
  path: string,
): Promise<string | undefined> {
  const { annotate } = await import('../face/annotate.ts');
  const within = ({ x, y, width, height }: Box): Box => ({
    x: x / scale,
    y: y / scale,
    width: width / scale,
    height: height / scale,
  });
  const marks = faces.map(({ box, label, scores }) => ({
    box: within(box),
    text: `${label} ${(100 * scores[label]).toFixed(0)} %`,
  }));
  const bytes = await annotate(image, marks);
  try {
    writeFileAtomic(path, bytes);
    return undefined;
  } catch (error) {
    if (!(error instanceof FerError)) throw error;
    return error.message;
  }
}
