import type { Backend } from '../engine/backend.ts';
import { UsageError } from '../errors.ts';
import { checkCrops } from '../evaluate/checkOptions.ts';
import { Explainer, type Explanation } from '../explain/explainer.ts';
import type { MethodName } from '../explain/methods.ts';
import type { LoadedModel } from '../nn/loadModel.ts';
import { DEFAULTS } from './options.ts';
import { SAMPLES } from './pictureRecognizer.ts';
import type { ExplainOptions, RecognizeOptions } from './types.ts';

const DEFAULT_METHODS: readonly MethodName[] = ['gradient'];

/** Explains the scores of faces that were recognised, on the calling thread. */
export class CropExplainer {
  readonly #backend: Backend;
  readonly #model: LoadedModel;
  readonly #options: Pick<RecognizeOptions, 'crops'>;
  // One for each number of crops: their programs stay compiled.
  readonly #explainers = new Map<number, Explainer>();

  /** @param options for every crop, unless it says otherwise */
  constructor(backend: Backend, model: LoadedModel, options: Pick<RecognizeOptions, 'crops'> = {}) {
    this.#backend = backend;
    this.#model = model;
    this.#options = options;
  }

  /**
   * @param crop [imageSize, imageSize], 0 black to 255 white
   * @throws UsageError
   */
  async explain(crop: Uint8Array, options: ExplainOptions = {}): Promise<Explanation> {
    const { methods = DEFAULT_METHODS, target, settings, onProgress } = options;
    const { imageSize } = this.#model.description;
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

  #explainer(crops: 1 | 10): Explainer {
    const options = { methods: DEFAULT_METHODS, crops, batch: SAMPLES / crops };
    const found = this.#explainers.get(crops) ?? new Explainer(this.#backend, this.#model, options);
    this.#explainers.set(crops, found);
    return found;
  }
}
