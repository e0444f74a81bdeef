import { given } from '../config/option.ts';
import type { Backend } from '../engine/backend.ts';
import { UsageError } from '../errors.ts';
import { Recognizer } from '../evaluate/recognizer.ts';
import { Explainer, type Explanation } from '../explain/explainer.ts';
import type { MethodName } from '../explain/methods.ts';
import { cropBox, cropFace } from '../face/crop.ts';
import { type Face, type FaceDetector, KEYPOINTS } from '../face/detector.ts';
import type { RgbaImage } from '../face/image.ts';
import { CROP_SIDE } from '../face/options.ts';
import { type LoadedModel, loadModel, type StoredModel } from '../nn/loadModel.ts';
import { squareCrop, squareOf } from './squareCrop.ts';
import type { Box, ExplainOptions, FacesMode, RecognizedFace, RecognizeOptions } from './types.ts';

/** Samples of the network a step: more would not run faster, and need memory for all. */
const SAMPLES = 60;
const DEFAULTS: { readonly crops: 1 | 10; readonly faces: FacesMode } = { crops: 10, faces: 'auto' };
const DEFAULT_METHODS: readonly MethodName[] = ['gradient'];

/** A picture that may have been made smaller when it was read. */
export interface Photo extends RgbaImage {
  /** Pixels of the original for one of these; 1 where it is missing. */
  readonly scale?: number;
}

/** A face that is known before the network has seen it. */
interface Found extends Pick<RecognizedFace, 'box' | 'keypoints' | 'faceScore' | 'frame' | 'crop'> {}

/** Finds the faces of pictures, names their expressions and explains them, on the calling thread. */
export class PictureRecognizer {
  readonly model: LoadedModel;
  readonly #backend: Backend;
  readonly #detector: FaceDetector | undefined;
  readonly #options: RecognizeOptions;
  // One for each number of crops: their programs stay compiled.
  readonly #recognizers = new Map<number, Recognizer>();
  readonly #explainers = new Map<number, Explainer>();

  /**
   * @param detector undefined: pictures are faces
   * @param options for every picture, unless it says otherwise
   */
  constructor(
    backend: Backend,
    model: StoredModel,
    detector: FaceDetector | undefined,
    options: RecognizeOptions = {},
  ) {
    this.#backend = backend;
    this.model = loadModel(backend, model);
    this.#detector = detector;
    this.#options = options;
  }

  /** The faces of each picture, all through the network together. */
  async recognize(pictures: readonly Photo[], options: RecognizeOptions = {}): Promise<RecognizedFace[][]> {
    const chosen = { ...DEFAULTS, ...given(this.#options), ...given(options) };
    checkOptions(chosen);
    const found = pictures.map((picture) => this.#facesOf(picture, chosen));
    const crops = found.flat().map(({ crop }) => crop);
    const answers = await this.#recognizer(chosen.crops).recognize(joined(crops));
    let next = 0;
    return found.map((faces) => faces.map((face) => ({ ...face, ...answers[next++] })));
  }

  /** @param crop [imageSize, imageSize], 0 black to 255 white */
  async explain(crop: Uint8Array, options: ExplainOptions = {}): Promise<Explanation> {
    const { methods = DEFAULT_METHODS, target, settings, onProgress } = options;
    const { imageSize } = this.model.description;
    if (crop.length !== imageSize ** 2) {
      throw new UsageError(
        `a crop of ${crop.length} pixels: expected ${imageSize}x${imageSize} grey values, the crop of a face`,
      );
    }
    const crops = options.crops ?? this.#options.crops ?? DEFAULTS.crops;
    checkCrops(crops);
    const request = { targets: [target], methods, settings, onProgress };
    const [explanation] = await this.#explainer(crops).explain(crop, request);
    return explanation;
  }

  #facesOf(picture: Photo, { faces, minScore, maxFaces, smallest }: RecognizeOptions): Found[] {
    const { imageSize } = this.model.description;
    const { scale = 1 } = picture;
    if (faces === 'none' || scale * Math.max(picture.width, picture.height) <= CROP_SIDE) {
      const square = squareOf(picture);
      const box = scaled(square, scale);
      return [
        { box, keypoints: null, faceScore: 1, frame: box, crop: squareCrop(picture, square, imageSize) },
      ];
    }
    if (!this.#detector) throw new UsageError("faces: 'auto' needs a recognizer that was loaded with it");
    return this.#detector.detect(picture, given({ minScore, maxFaces, smallest })).map((face: Face) => ({
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
      new Recognizer(this.#backend, this.model, { crops, batch: SAMPLES / crops });
    this.#recognizers.set(crops, found);
    return found;
  }

  #explainer(crops: 1 | 10): Explainer {
    const options = { methods: DEFAULT_METHODS, crops, batch: SAMPLES / crops };
    const found = this.#explainers.get(crops) ?? new Explainer(this.#backend, this.model, options);
    this.#explainers.set(crops, found);
    return found;
  }
}

function refuse(key: string, found: unknown, expected: string): never {
  throw new UsageError(`${key} is ${JSON.stringify(found)}, expected ${expected}`);
}

function checkCrops(crops: unknown): void {
  if (crops !== 1 && crops !== 10) refuse('crops', crops, '1 or 10');
}

/** @throws UsageError */
function checkOptions({ crops, faces, minScore = 1, maxFaces = 1, smallest = 1 }: RecognizeOptions): void {
  checkCrops(crops);
  if (faces !== 'auto' && faces !== 'none') refuse('faces', faces, '"auto" or "none"');
  if (!(minScore > 0 && minScore <= 1)) refuse('minScore', minScore, 'above 0 to 1');
  if (!(Number.isInteger(maxFaces) && maxFaces > 0)) refuse('maxFaces', maxFaces, 'a whole number above 0');
  if (!(smallest > 0 && smallest <= 1)) refuse('smallest', smallest, 'above 0 to 1');
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
