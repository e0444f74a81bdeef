import { join } from 'node:path';
import type { PredictConfig } from '../config.ts';
import { FerError } from '../errors.ts';
import type { Recognition, Recognizer } from '../evaluate/recognizer.ts';
import { makeFolder, resultNames } from '../explain/files.ts';
import { annotate } from '../face/annotate.ts';
import { cropFace } from '../face/crop.ts';
import { type Face, FaceDetector } from '../face/detector.ts';
import type { Box } from '../face/image.ts';
import { loadFaceModels } from '../face/loadModels.ts';
import { CROP_SIDE } from '../face/options.ts';
import { type Photo, readGrayImage, readPhoto } from '../image/read.ts';
import { writeFileAtomic } from '../io/files.ts';
import type { Failure } from './pictures.ts';

/** One face in a photograph. */
export type FacePrediction = Recognition & {
  /** In pixels of the upright picture. */
  readonly box: Box;
  /** How sure the detector is that this is a face, 0..1; a picture too small for a detector is a face itself: 1. */
  readonly faceScore: number;
};

/** What was found in a photograph, the most certain face first; one that could not be read has an error instead. */
export type PhotoPrediction =
  | { readonly file: string; readonly faces: readonly FacePrediction[]; readonly annotated?: string }
  | Failure;

/** Finds the faces of photographs, asks the network about them and draws its answers. */
export class PhotoPredictor {
  readonly #recognizer: Recognizer;
  readonly #detector: FaceDetector;
  readonly #config: PredictConfig;
  /** Of each file, where its annotated picture goes. */
  readonly #annotated = new Map<string, string>();

  private constructor(
    recognizer: Recognizer,
    detector: FaceDetector,
    files: readonly string[],
    config: PredictConfig,
  ) {
    this.#recognizer = recognizer;
    this.#detector = detector;
    this.#config = config;
    if (config.annotate === '') return;
    makeFolder(config.annotate);
    // Never the name of the picture itself, also where the folder is its own.
    for (const [i, name] of resultNames(files).entries()) {
      this.#annotated.set(files[i], join(config.annotate, `${name}.faces.jpg`));
    }
  }

  static async create(
    recognizer: Recognizer,
    files: readonly string[],
    config: PredictConfig,
  ): Promise<PhotoPredictor> {
    const detector = FaceDetector.create(await loadFaceModels());
    return new PhotoPredictor(recognizer, detector, files, config);
  }

  async predict(file: string): Promise<PhotoPrediction> {
    try {
      const photo = await readPhoto(file);
      const { width, height } = photo.image;
      const faces =
        Math.max(width, height) * photo.scale <= CROP_SIDE
          ? await this.#wholePicture(file, photo)
          : await this.#find(photo);
      const annotated = this.#annotated.get(file);
      if (annotated === undefined) return { file, faces };
      await draw(photo, faces, annotated);
      return { file, faces, annotated };
    } catch (error) {
      if (!(error instanceof FerError)) throw error;
      return { file, error: error.message };
    }
  }

  async #find({ image, scale }: Photo): Promise<FacePrediction[]> {
    const { min_score: minScore, max_faces, smallest } = this.#config;
    const found = this.#detector.detect(image, { minScore, maxFaces: max_faces || undefined, smallest });
    const { imageSize } = this.#recognizer.description;
    const crops = new Uint8Array(found.length * imageSize ** 2);
    for (const [i, face] of found.entries()) crops.set(cropFace(image, face, imageSize), i * imageSize ** 2);
    const answers = await this.#recognizer.recognize(crops);
    return found.map((face, i) => ({ box: scaled(face, scale), faceScore: face.score, ...answers[i] }));
  }

  async #wholePicture(file: string, { image: { width, height } }: Photo): Promise<FacePrediction[]> {
    const pixels = await readGrayImage(file, this.#recognizer.description.imageSize);
    const [answer] = await this.#recognizer.recognize(pixels);
    const side = Math.min(width, height);
    const box = { x: (width - side) / 2, y: (height - side) / 2, width: side, height: side };
    return [{ box, faceScore: 1, ...answer }];
  }
}

/** The box in pixels of the picture as it is on the disk, to the tenth. */
function scaled({ box }: Face, scale: number): Box {
  const round = (value: number): number => Math.round(10 * value * scale) / 10;
  return { x: round(box.x), y: round(box.y), width: round(box.width), height: round(box.height) };
}

/** @throws FerError if the disk refuses */
async function draw({ image, scale }: Photo, faces: readonly FacePrediction[], path: string): Promise<void> {
  const marks = faces.map(({ box, label, scores }) => ({
    box: { x: box.x / scale, y: box.y / scale, width: box.width / scale, height: box.height / scale },
    text: `${label} ${(100 * scores[label]).toFixed(0)} %`,
  }));
  writeFileAtomic(path, await annotate(image, marks));
}
