import { defaultsOf, given, type Option } from '../config/option.ts';
import { didYouMean } from '../config/suggest.ts';
import { methodOptions } from '../config.ts';
import { canonicalLabel } from '../data/labels.ts';
import type { Backend } from '../engine/backend.ts';
import { UsageError } from '../errors.ts';
import { checkBatch, checkCrops } from '../evaluate/checkOptions.ts';
import { argmax, softmax } from '../evaluate/metrics.ts';
import type { Recognition } from '../evaluate/recognizer.ts';
import type { ModelDescription } from '../nn/description.ts';
import { type LoadedModel, loadModel, type StoredModel } from '../nn/loadModel.ts';
import type { Method, MethodSettings, Subject } from './method.ts';
import { METHOD_NAMES, METHODS, type MethodName } from './methods.ts';
import { Probe } from './probe.ts';

/** Settings of the methods that are not given have the defaults of `fer explain`. */
export interface ExplainerOptions extends Partial<MethodSettings> {
  readonly methods: readonly MethodName[];
  /** Whose logits are averaged, and so what is explained, as in prediction. */
  readonly crops: 1 | 10;
  /** Faces a step; each is `crops` samples. */
  readonly batch: number;
}

/** Which pixels one method found to matter. */
export interface SaliencyMap {
  readonly method: MethodName;
  /** [imageSize, imageSize] as the method found them; `METHODS[method].unit` says what they are. */
  readonly values: Float32Array;
  /** The method's own figures: for `integrated` how complete the sum is. */
  readonly figures: Readonly<Record<string, number>>;
}

/** What a network answers for a face, and where in the face a label's score comes from. */
export interface Explanation extends Recognition {
  /** The label whose score is explained. */
  readonly target: string;
  /** Its score before softmax: the logit, averaged over the crops. */
  readonly logit: number;
  /** One for each method, in the order asked for. */
  readonly maps: readonly SaliencyMap[];
}

export interface ExplainRequest {
  /** The label to explain for each face, by name or alias; the winning one where it is missing. */
  readonly targets?: readonly (string | undefined)[];
  /** For these faces alone, in place of the explainer's. */
  readonly methods?: readonly MethodName[];
  /** Likewise, over the explainer's settings. */
  readonly settings?: Partial<MethodSettings>;
  /** Hears the share of the work done, 0..1, after each method. */
  onProgress?(share: number): void;
}

/** Explains a trained network's scores by maps over the face: see `METHODS`. */
export class Explainer {
  readonly description: ModelDescription;
  readonly #probe: Probe;
  readonly #methods: readonly MethodName[];
  readonly #settings: MethodSettings;

  /**
   * @param model from disk, which copies its weights to the backend, or one that is there already: a
   *   `Recognizer` will do. The caller opens and closes the backend.
   * @throws UsageError for a method, crops or a batch that there are not, and settings that are wrong or do not fit the
   *   model's faces
   */
  constructor(
    backend: Backend,
    model: StoredModel | LoadedModel,
    { methods, crops, batch, ...others }: ExplainerOptions,
  ) {
    checkCrops(crops);
    checkBatch(batch);
    const loaded = 'parameters' in model ? model : loadModel(backend, model);
    this.description = loaded.description;
    this.#probe = new Probe(backend, loaded, { crops, batch });
    this.#methods = methods;
    this.#settings = settled(defaultsOf(methodOptions), others);
    this.#check(methods, this.#settings);
  }

  /**
   * @param faces [n, imageSize, imageSize], 0 black to 255 white
   * @throws UsageError for a target that the model does not know, a method that there is not, and settings that are
   *   wrong or do not fit its faces
   */
  async explain(
    faces: Uint8Array,
    { targets = [], methods = this.#methods, settings, onProgress }: ExplainRequest = {},
  ): Promise<Explanation[]> {
    const chosen = settled(this.#settings, settings);
    this.#check(methods, chosen);
    const { imageSize, labels } = this.description;
    const area = imageSize ** 2;
    const count = faces.length / area;
    if (!Number.isInteger(count))
      throw new RangeError(`${faces.length} pixels are no whole number of ${imageSize}x${imageSize} faces`);
    const pixels = Array.from({ length: count }, (_, i) =>
      Float64Array.from(faces.subarray(i * area, (i + 1) * area), (value) => value / 255),
    );
    const asked = targets.map((name) => (name === undefined ? undefined : targetIndex(name, labels)));
    const logits = await this.#probe.scores({ count, draw: (i) => pixels[i] });
    const rows = pixels.map((_, i) => logits.subarray(i * labels.length, (i + 1) * labels.length));
    const subjects = rows.map((row, i): Subject => {
      const target = asked[i] ?? argmax(row);
      return { pixels: pixels[i], target, score: row[target] };
    });

    const maps: SaliencyMap[][] = subjects.map(() => []);
    for (const [done, method] of methods.entries()) {
      const found = await methodOf(method).explain(this.#probe, subjects, chosen);
      found.forEach(({ values, figures = {} }, i) => {
        maps[i].push({ method, values: Float32Array.from(values), figures });
      });
      onProgress?.((done + 1) / methods.length);
    }
    return subjects.map(({ target, score }, i) => {
      const shares = softmax(rows[i]);
      return {
        label: labels[argmax(rows[i])],
        scores: Object.fromEntries(labels.map((label, l) => [label, shares[l]])),
        target: labels[target],
        logit: score,
        maps: maps[i],
      };
    });
  }

  #check(methods: readonly MethodName[], settings: MethodSettings): void {
    for (const name of methods) methodOf(name).check?.(settings, this.#probe.crops);
  }
}

/**
 * The place of a label in a model's list, by name or alias.
 *
 * @throws UsageError naming the labels the model knows
 */
export function targetIndex(name: string, labels: readonly string[]): number {
  const index = labels.indexOf(canonicalLabel(name));
  if (index >= 0) return index;
  const hint = didYouMean(name, labels, (label) => `target=${label}`);
  throw new UsageError(`target=${name}: the model does not know it.${hint} It knows ${labels.join(', ')}.`);
}

/**
 * A map as it is shown, 0..1: the size of the values (of pixels), or what speaks for the label (of regions),
 * from the smallest to the largest. A map that is the same everywhere is 0.
 *
 * @param cap the share of the pixels that is told apart; those above all are 1, so that a few do not darken
 *   the rest
 */
export function shownMap({ method, values }: Pick<SaliencyMap, 'method' | 'values'>, cap = 1): Float32Array {
  const { grain } = methodOf(method);
  const parts = values.map((value) => (grain === 'pixel' ? Math.abs(value) : Math.max(0, value)));
  const sorted = parts.slice().sort();
  const least = sorted[0];
  const range = sorted[Math.ceil(cap * sorted.length) - 1] - least;
  return parts.map((part) => (range > 0 ? Math.min(1, (part - least) / range) : 0));
}

function methodOf(name: MethodName): Method {
  if (Object.hasOwn(METHODS, name)) return METHODS[name];
  const hint = didYouMean(name, METHOD_NAMES, (method) => method);
  throw new UsageError(`there is no method ${name}.${hint} There are ${METHOD_NAMES.join(', ')}.`);
}

/** Settings with others on top; what is undefined changes nothing. */
function settled(base: MethodSettings, settings: Partial<MethodSettings> = {}): MethodSettings {
  const chosen = given(settings);
  for (const [key, value] of Object.entries(chosen)) {
    if (!Object.hasOwn(methodOptions, key)) {
      const known = Object.keys(methodOptions);
      const hint = didYouMean(key, known, (setting) => setting);
      throw new UsageError(`the methods have no setting ${key}.${hint} They have ${known.join(', ')}.`);
    }
    const { type } = methodOptions[key as keyof MethodSettings] as Option<unknown>;
    if (type.parse(String(value)) !== value) {
      throw new UsageError(`${key} is ${JSON.stringify(value)}: it must be ${type.expects}`);
    }
  }
  return { ...base, ...chosen };
}
