import { given } from '../config/option.ts';
import type { Backend } from '../engine/backend.ts';
import { UsageError } from '../errors.ts';
import { facesPerStep } from '../evaluate/inference.ts';
import { Recognizer } from '../evaluate/recognizer.ts';
import { cropBox, cropFace } from '../face/crop.ts';
import { KEYPOINTS } from '../face/detection.ts';
import type { Face, FaceDetector } from '../face/detector.ts';
import { CROP_SIDE } from '../face/options.ts';
import { grayCrop } from '../image/grayCrop.ts';
import type { Box, RgbaImage } from '../image/image.ts';
import type { LoadedModel } from '../nn/loadModel.ts';
import { chosenOptions } from './options.ts';
import type { RecognizedFace, RecognizeOptions } from './types.ts';

/** Samples of the network a step: more would not run faster, and need memory for all. */
export const SAMPLES = 60;

/** A picture that may have been made smaller when it was read. */
export interface Photo extends RgbaImage {
  /** Pixels of the original for one of these; 1 where it is missing. */
  readonly scale?: number;
}

/** A face that is known before the network has seen it. */
interface Found extends Pick<RecognizedFace, 'box' | 'keypoints' | 'faceScore' | 'frame' | 'crop'> {}

/** Finds the faces of pictures and names their expressions, on the calling thread. */
export class PictureRecognizer {
  readonly #model: LoadedModel;
  readonly #backend: Backend;
  readonly #detector: (() => Promise<FaceDetector>) | undefined;
  readonly #options: RecognizeOptions;
  readonly #samples: number;
  // One for each number of crops: their programs stay compiled.
  readonly #recognizers = new Map<number, Recognizer>();

  /**
   * @param detector asked for each picture that may hold several faces; undefined: pictures are faces
   * @param options for every picture, unless it says otherwise
   * @param samples faces times crops of a step of the network
   */
  constructor(
    backend: Backend,
    model: LoadedModel,
    detector: (() => Promise<FaceDetector>) | undefined,
    options: RecognizeOptions = {},
    samples = SAMPLES,
  ) {
    this.#backend = backend;
    this.#model = model;
    this.#detector = detector;
    this.#options = options;
    this.#samples = samples;
  }

  /** The faces of each picture, all through the network together. */
  async recognize(pictures: readonly Photo[], options: RecognizeOptions = {}): Promise<RecognizedFace[][]> {
    const chosen = chosenOptions(this.#options, options);
    const found: Found[][] = [];
    for (const picture of pictures) found.push(await this.#facesOf(picture, chosen));
    const crops = found.flat().map(({ crop }) => crop);
    const answers = await this.#recognizer(chosen.crops).recognize(joined(crops));
    let next = 0;
    return found.map((faces) => faces.map((face) => ({ ...face, ...answers[next++] })));
  }

  async #facesOf(
    picture: Photo,
    { faces, minScore, maxFaces, smallest }: RecognizeOptions,
  ): Promise<Found[]> {
    const { imageSize } = this.#model.description;
    const { scale = 1 } = picture;
    if (faces === 'none' || scale * Math.max(picture.width, picture.height) <= CROP_SIDE) {
      const square = squareOf(picture);
      const box = scaled(square, scale);
      return [{ box, keypoints: null, faceScore: 1, frame: box, crop: grayCrop(picture, square, imageSize) }];
    }
    if (!this.#detector) throw new UsageError("faces: 'auto' needs a recognizer that was loaded with it");
    const detector = await this.#detector();
    return detector.detect(picture, given({ minScore, maxFaces, smallest })).map((face: Face) => ({
      box: scaled(face.box, scale),
      keypoints: keypointsOf(face, scale),
      faceScore: face.score,
      frame: scaled(cropBox(face), scale),
      crop: cropFace(picture, face, imageSize),
    }));
  }

  #recognizer(crops: 1 | 10): Recognizer {
    const found =
      this.#recognizers.get(crops) ??
      new Recognizer(this.#backend, this.#model, {
        crops,
        batch: facesPerStep(this.#samples, crops),
      });
    this.#recognizers.set(crops, found);
    return found;
  }
}

/** The largest centred square of a picture: a stretched face is another expression. */
function squareOf({ width, height }: RgbaImage): Box {
  const side = Math.min(width, height);
  return { x: Math.floor((width - side) / 2), y: Math.floor((height - side) / 2), width: side, height: side };
}

function keypointsOf({ keypoints }: Face, scale: number): NonNullable<RecognizedFace['keypoints']> {
  const places = KEYPOINTS.map((name, k) => [name, { x: scale * keypoints[k].x, y: scale * keypoints[k].y }]);
  return Object.fromEntries(places);
}

function scaled({ x, y, width, height }: Box, by: number): Box {
  return { x: by * x, y: by * y, width: by * width, height: by * height };
}

function joined(crops: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(crops.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const crop of crops) {
    all.set(crop, at);
    at += crop.length;
  }
  return all;
}
