import { type Box, checkImage, type Point, type RgbaImage } from '../image/image.ts';
import { Pyramid } from '../image/pyramid.ts';
import { Blaze, SAME_FACE } from './blaze.ts';
import { blend, type Detection, overlap } from './detection.ts';
import { checkDetectOptions, DETECTION, type DetectOptions } from './options.ts';
import { searchWindows, wholeWindow } from './windows.ts';

export type { DetectOptions } from './options.ts';

/** A face in a picture, as the detector sees it. */
export interface Face {
  /** From the brows to the chin, about; in pixels of the picture, perhaps beyond its edges. */
  readonly box: Box;
  /** How sure the detector is that this is a face, 0..1. */
  readonly score: number;
  /** In the order of `KEYPOINTS`. */
  readonly keypoints: readonly Point[];
}

/** Both stages let pass what they are less sure of than is asked for: the score is the mean of two closer looks. */
const CANDIDATE = 0.3;
/** Nothing below it is looked at, nor more candidates than so many: each costs two looks, and noise has thousands. */
const LEAST_CANDIDATE = 0.05;
const MOST_CANDIDATES = 200;

/** Width of stage two's window in faces: of those tried, 1.8 to 3.5, boxes and scores vary least about it. */
const CLOSE_UP = 2.5;

/**
 * Stage two has the face this far right of and below the centre, over the window's side: the centre is where four cells of
 * anchors meet, which costs a face 0.15 of its score.
 */
const ASIDE = 4 / 128;

/**
 * Finds faces with BlazeFace (arXiv 1907.05047) in two stages. First the full-range network looks at the whole
 * picture and, for small faces, through windows all over it, and the short-range one at the whole picture. Then
 * the short-range network looks at each candidate from close by, where it was trained: that gives the box, the
 * points and the score, and drops what is no face.
 *
 * Computed on one thread of WebAssembly, or in TypeScript where that has no SIMD, in Node and in browsers alike.
 */
export class FaceDetector {
  readonly #short: Blaze;
  readonly #full: Blaze | undefined;

  private constructor(short: Blaze, full: Blaze | undefined) {
    this.#short = short;
    this.#full = full;
  }

  /**
   * @param models the TFLite files of npm's `@mediapipe/face_detection`; without `fullRange` only faces larger than
   *   about an eighth of the picture are found
   * @throws FerError if they are other models, or damaged
   */
  static create({
    shortRange,
    fullRange,
  }: {
    shortRange: ArrayBuffer | Uint8Array;
    fullRange?: ArrayBuffer | Uint8Array;
  }): FaceDetector {
    const full = fullRange === undefined ? undefined : new Blaze('fullRange', bytesOf(fullRange));
    return new FaceDetector(new Blaze('shortRange', bytesOf(shortRange)), full);
  }

  /**
   * The faces in a picture, the most certain first.
   *
   * @throws RangeError if `image` is no picture
   * @throws UsageError for an option out of range
   */
  detect(image: RgbaImage, options: DetectOptions = {}): Face[] {
    const { minScore = DETECTION.minScore, maxFaces = Number.POSITIVE_INFINITY } = options;
    const { smallest = DETECTION.smallest } = options;
    checkImage(image);
    checkDetectOptions(options);
    const picture = new Pyramid(image);
    const least = Math.max(LEAST_CANDIDATE, Math.min(CANDIDATE, minScore));
    const faces = this.#candidates(picture, image, smallest, least).flatMap((candidate) => {
      const face = this.#closeUp(picture, candidate, least);
      return face !== undefined && face.score >= minScore ? [face] : [];
    });
    return blend(faces, SAME_FACE).slice(0, maxFaces);
  }

  #candidates(picture: Pyramid, { width, height }: RgbaImage, smallest: number, least: number): Detection[] {
    const whole = wholeWindow(width, height);
    // The second look, from farther away, is for a face that fills the picture.
    const found = [whole, grown(whole, 2)].flatMap((window) => this.#short.detect(picture, window, least));
    if (this.#full !== undefined) {
      for (const window of [whole, ...searchWindows(width, height, smallest)]) {
        found.push(...this.#full.detect(picture, window, least));
      }
    }
    return blend(found, SAME_FACE)
      .sort((a, b) => b.score - a.score)
      .slice(0, MOST_CANDIDATES);
  }

  /**
   * What the short-range network finds where a candidate is: once to centre it, and once more to measure it. The
   * score is the mean of both: what is no face rarely looks like one twice.
   */
  #closeUp(picture: Pyramid, { box }: Detection, least: number): Detection | undefined {
    const first = this.#closest(picture, box, least);
    const second = first && this.#closest(picture, first.box, least);
    return second && { ...second, score: (first.score + second.score) / 2 };
  }

  #closest(picture: Pyramid, box: Box, least: number): Detection | undefined {
    const { x, y, width: side } = grown(box, CLOSE_UP);
    const window = { x: x - ASIDE * side, y: y - ASIDE * side, width: side, height: side };
    const found = this.#short.detect(picture, window, least);
    const [closest] = found
      .map((face) => ({ face, overlap: overlap(face.box, box) }))
      .sort((a, b) => b.overlap - a.overlap);
    return closest !== undefined && closest.overlap > 0 ? closest.face : undefined;
  }
}

/** The square around a box's centre that is so many times as wide. */
function grown({ x, y, width, height }: Box, times: number): Box {
  const side = times * Math.max(width, height);
  return { x: x + (width - side) / 2, y: y + (height - side) / 2, width: side, height: side };
}

function bytesOf(model: ArrayBuffer | Uint8Array): Uint8Array {
  return model instanceof Uint8Array ? model : new Uint8Array(model);
}
