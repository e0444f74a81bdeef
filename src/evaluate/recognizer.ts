import type { Backend } from '../engine/backend.ts';
import { allocateData, type DeviceData } from '../engine/deviceData.ts';
import type { Graph } from '../engine/graph.ts';
import type { Parameters } from '../engine/parameters.ts';
import type { ModelDescription } from '../nn/description.ts';
import { type LoadedModel, loadModel, type StoredModel } from '../nn/loadModel.ts';
import { checkBatch, checkCrops } from './checkOptions.ts';
import { Inference } from './inference.ts';
import { argmax, softmax } from './metrics.ts';

export interface RecognizerOptions {
  readonly crops: 1 | 10;
  /** Faces a step. */
  readonly batch: number;
}

/** The answer for one face. */
export interface Recognition {
  /** The label with the highest score. */
  readonly label: string;
  /** Softmax of each label, summing to 1. */
  readonly scores: Readonly<Record<string, number>>;
}

/** A trained network that names the expression of face crops. */
export class Recognizer implements LoadedModel {
  readonly description: ModelDescription;
  readonly graph: Graph;
  readonly parameters: Parameters;
  readonly #backend: Backend;
  readonly #data: DeviceData;
  readonly #inference: Inference;
  readonly #batch: number;

  /**
   * @param model as stored, which copies its weights to the backend, or one that is there already. The caller
   *   opens and closes the backend.
   * @throws UsageError for crops or a batch that there are not
   */
  constructor(backend: Backend, model: StoredModel | LoadedModel, { crops, batch }: RecognizerOptions) {
    checkCrops(crops);
    checkBatch(batch);
    const loaded = 'parameters' in model ? model : loadModel(backend, model);
    const { description, graph, parameters } = loaded;
    this.description = description;
    this.graph = graph;
    this.parameters = parameters;
    this.#backend = backend;
    this.#batch = batch;
    this.#data = allocateData(batch, description.imageSize);
    this.#inference = new Inference(backend, graph, parameters, this.#data, {
      crops,
      batch,
      capacity: batch,
      fixedWeights: true,
    });
  }

  /**
   * Logits [n, L] of grey faces.
   *
   * @param faces [n, imageSize, imageSize], 0 black to 255 white
   */
  async logits(faces: Uint8Array, onBatch?: (done: number) => void): Promise<Float32Array> {
    const { imageSize, labels } = this.description;
    const pixels = imageSize * imageSize;
    const n = faces.length / pixels;
    if (!Number.isInteger(n))
      throw new RangeError(`${faces.length} pixels are no whole number of ${imageSize}x${imageSize} faces`);
    const logits = new Float32Array(n * labels.length);
    for (let first = 0; first < n; first += this.#batch) {
      const count = Math.min(this.#batch, n - first);
      this.#backend.write(this.#data.images, faces.subarray(first * pixels, (first + count) * pixels));
      logits.set(
        await this.#inference.run(Int32Array.from({ length: count }, (_, i) => i)),
        first * labels.length,
      );
      onBatch?.(first + count);
    }
    return logits;
  }

  /** Label and scores of grey faces; see `logits`. */
  async recognize(faces: Uint8Array): Promise<Recognition[]> {
    const { labels } = this.description;
    const logits = await this.logits(faces);
    const answers: Recognition[] = [];
    for (let i = 0; i < logits.length; i += labels.length) {
      const row = logits.subarray(i, i + labels.length);
      const scores = softmax(row);
      answers.push({
        label: labels[argmax(row)],
        scores: Object.fromEntries(labels.map((label, l) => [label, scores[l]])),
      });
    }
    return answers;
  }
}
