import { FerError } from '../errors.ts';
import type { Box } from '../image/image.ts';
import type { Pyramid } from '../image/pyramid.ts';
import { resample } from '../image/resample.ts';
import { anchorCentres, DETECTORS, type DetectorName } from './anchors.ts';
import { blend, COORDINATES, type Detection, decode } from './detection.ts';
import { FaceNetwork } from './network.ts';
import { parseTflite } from './tflite.ts';

/** Detections that overlap by more show one face: the threshold of MediaPipe's graphs. */
export const SAME_FACE = 0.3;

/** One of BlazeFace's two networks with what comes before and after it: a window of a picture in, faces out. */
export class Blaze {
  readonly #side: number;
  readonly #network: FaceNetwork;
  readonly #centres: Float32Array;
  readonly #scores: Float32Array;
  readonly #regressors: Float32Array;

  /**
   * @param bytes the TFLite file
   * @throws FerError if the file is not that network
   */
  constructor(name: DetectorName, bytes: Uint8Array) {
    const { side, grids } = DETECTORS[name];
    this.#side = side;
    this.#network = new FaceNetwork(parseTflite(bytes, name));
    if (this.#network.inputShape.join() !== `1,${side},${side},3`) {
      throw new FerError(
        `${name}: expected a model of ${side}x${side} pixels, found one of ${this.#network.inputShape.join('x')}`,
      );
    }
    this.#centres = anchorCentres(grids);
    const anchors = this.#centres.length / 2;
    const find = (width: number): Float32Array => {
      const found = this.#network.outputs.find(({ shape }) => shape.join() === `1,${anchors},${width}`);
      if (found === undefined)
        throw new FerError(`${name}: the model gives no ${width} values for each anchor`);
      return found.values;
    };
    this.#scores = find(1);
    this.#regressors = find(COORDINATES);
  }

  /**
   * The faces in a square window of a picture, which may reach beyond it (black there), by score.
   *
   * @returns in pixels of the picture
   */
  detect(picture: Pyramid, window: Box, minScore: number): Detection[] {
    const side = this.#side;
    const { input } = this.#network;
    const { image, box } = picture.level(window, side);
    const rgb = resample(image, box, { width: side, height: side, border: 'black' });
    for (let i = 0; i < rgb.length; i++) input[i] = rgb[i] / 127.5 - 1;
    this.#network.run();
    const found = decode(this.#regressors, this.#scores, this.#centres, side, minScore);
    return blend(found, SAME_FACE).map((face) => toPicture(face, window, window.width / side));
  }
}

function toPicture({ box, score, keypoints }: Detection, { x, y }: Box, scale: number): Detection {
  return {
    box: {
      x: x + box.x * scale,
      y: y + box.y * scale,
      width: box.width * scale,
      height: box.height * scale,
    },
    score,
    keypoints: keypoints.map((point) => ({ x: x + point.x * scale, y: y + point.y * scale })),
  };
}
