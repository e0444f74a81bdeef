import { type BackendOptions, createBackend } from '../../engine/createBackend.ts';
import { FerError } from '../../errors.ts';
import { facesPerStep } from '../../evaluate/inference.ts';
import { argmax, softmax } from '../../evaluate/metrics.ts';
import { Recognizer } from '../../evaluate/recognizer.ts';
import { decodeHalf, encodeHalf } from '../../io/half.ts';
import type { StoredTensor } from '../../io/safetensors.ts';
import type { StoredModel } from '../../nn/model.ts';
import type { OnnxInput } from './inputs.ts';
import type { OnnxRuntime } from './runtime.ts';

/**
 * The most that two programs may differ that compute the same network in single precision: of the scores, and
 * of the logits as a share of the largest. Sums in another order, and Winograd's transforms, stay below.
 */
export const MOST_DIFFERENCE = 1e-4;

export interface OnnxCheck {
  /** Faces compared. */
  readonly n: number;
  /** Largest difference of two logits, as a share of the largest logit. */
  readonly logits: number;
  /** Largest difference of two scores. */
  readonly scores: number;
  /** Faces with another label. */
  readonly changed: number;
  /** Logits of ONNX Runtime, [n, L]. */
  readonly found: Float32Array;
  /** Our own. */
  readonly expected: Float32Array;
}

export interface CheckOptions extends BackendOptions {
  readonly input: OnnxInput;
  readonly crops: 1 | 10;
  /** Crops a step. */
  readonly bs: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Runs an exported model in ONNX Runtime and here on the same faces.
 *
 * @param bytes the ONNX file
 * @param model with the exported tensors, rounded like them
 * @param faces [n, size, size], 0 black to 255 white
 */
export async function checkOnnx(
  runtime: OnnxRuntime,
  bytes: Uint8Array,
  model: StoredModel,
  faces: Uint8Array,
  options: CheckOptions,
): Promise<OnnxCheck> {
  const { input, bs, onProgress } = options;
  const { inputSize, labels } = model.description;
  // A network that is given crops has nothing left to cut.
  const crops = input === 'crops' ? 1 : options.crops;
  const size = input === 'crops' ? inputSize : model.description.imageSize;
  const images = input === 'crops' ? centres(faces, model.description.imageSize, inputSize) : faces;
  const description = { ...model.description, imageSize: size };
  const batch = facesPerStep(bs, crops);
  const n = images.length / (size * size);
  const L = labels.length;
  const backend = await createBackend(options);
  const session = await runtime.InferenceSession.create(bytes, {
    ...(options.threads > 0 && { intraOpNumThreads: options.threads }),
  });
  try {
    const recognizer = new Recognizer(backend, { ...model, description }, { crops, batch });
    const expected = new Float32Array(n * L);
    const found = new Float32Array(n * L);
    for (let first = 0; first < n; first += batch) {
      const count = Math.min(batch, n - first);
      const some = images.subarray(first * size * size, (first + count) * size * size);
      expected.set(await recognizer.logits(some), first * L);
      const tensor =
        input === 'faces'
          ? new runtime.Tensor('uint8', some, [count, size, size])
          : new runtime.Tensor(
              'float32',
              Float32Array.from(some, (grey) => grey / 255),
              [count, 1, size, size],
            );
      const { logits, scores } = await session.run({ [input]: tensor });
      found.set(logits.data as Float32Array, first * L);
      checkScores(logits.data as Float32Array, scores.data as Float32Array, L);
      onProgress?.(first + count, n);
    }
    return { n, found, expected, ...differences(expected, found, L) };
  } finally {
    await session.release();
    await backend.close();
  }
}

/** @throws FerError if the answers of two programs differ by more than arithmetic explains */
export function refuseDifference({ logits, scores }: OnnxCheck): void {
  if (logits <= MOST_DIFFERENCE && scores <= MOST_DIFFERENCE) return;
  throw new FerError(
    `ONNX Runtime answers otherwise than fer: scores differ by ${scores.toExponential(1)}, logits by ` +
      `${logits.toExponential(1)} of the largest (${MOST_DIFFERENCE} is the most that is let through). Nothing was written; ` +
      'please report it with the command, or try another version of onnxruntime-node',
  );
}

/** The model as exported: weights in half precision rounded, as ONNX Runtime will see them. */
export function asExported(model: StoredModel, tensors: Readonly<Record<string, StoredTensor>>): StoredModel {
  const rounded = Object.entries(tensors).map(([name, tensor]) => {
    if (tensor.dtype !== 'F16') return [name, tensor];
    const data = decodeHalf(encodeHalf(tensor.data as Float32Array));
    return [name, { ...tensor, data }];
  });
  return { ...model, tensors: Object.fromEntries(rounded) };
}

/** The centre crops [n, side, side] of faces [n, size, size]. */
function centres(faces: Uint8Array, size: number, side: number): Uint8Array {
  const margin = (size - side) >> 1;
  const n = faces.length / (size * size);
  const crops = new Uint8Array(n * side * side);
  for (let row = 0; row < n * side; row++) {
    const from = (Math.floor(row / side) * size + margin + (row % side)) * size + margin;
    crops.set(faces.subarray(from, from + side), row * side);
  }
  return crops;
}

/** The second output must be the softmax of the first. */
function checkScores(logits: Float32Array, scores: Float32Array, L: number): void {
  for (let i = 0; i < logits.length; i += L) {
    softmax(logits.subarray(i, i + L)).forEach((score, c) => {
      if (!(Math.abs(score - scores[i + c]) < 1e-5))
        throw new Error('scores are not the softmax of the logits');
    });
  }
}

function differences(
  a: Float32Array,
  b: Float32Array,
  L: number,
): Pick<OnnxCheck, 'logits' | 'scores' | 'changed'> {
  let largest = 0;
  let logits = 0;
  let scores = 0;
  let changed = 0;
  for (let i = 0; i < a.length; i += L) {
    const [ours, theirs] = [a.subarray(i, i + L), b.subarray(i, i + L)];
    const [p, q] = [softmax(ours), softmax(theirs)];
    for (let c = 0; c < L; c++) {
      largest = Math.max(largest, Math.abs(ours[c]));
      // What is no number differs from everything.
      const difference = Math.abs(ours[c] - theirs[c]);
      logits = Math.max(logits, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
      const scoreDifference = Math.abs(p[c] - q[c]);
      scores = Math.max(scores, Number.isNaN(scoreDifference) ? Number.POSITIVE_INFINITY : scoreDifference);
    }
    if (argmax(ours) !== argmax(theirs)) changed++;
  }
  return { logits: largest === 0 ? logits : logits / largest, scores, changed };
}
