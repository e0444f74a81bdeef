import type { Augmentation } from '../engine/augment.ts';
import type { Backend } from '../engine/backend.ts';
import { CompiledNetwork } from '../engine/compile.ts';
import type { DeviceData } from '../engine/deviceData.ts';
import { STEP } from '../engine/kernels.ts';
import { BATCH_NORM, CallList } from '../engine/ops.ts';
import { keyOf, permutation, STREAMS } from '../engine/random.ts';
import { tensor } from '../engine/tensor.ts';
import type { LoadedModel } from '../nn/model.ts';

export interface NormStatisticsOptions {
  /** Images a step. */
  readonly batch: number;
  /** What is drawn for each image; none: the centre crop as it is. */
  readonly augmentations: readonly Augmentation[];
  readonly seed: number;
  readonly onProgress?: (done: number) => void;
}

/**
 * Measures the running statistics of a network's batch norms anew: means and unbiased variances of whole batches of images
 * as the network normalizes them itself, averaged over all batches. Weights that were averaged have statistics of
 * their own, which are not the average of theirs (Izmailov et al., arXiv 1803.05407, section 3.2); PyTorch calls it
 * `update_bn`. Each image counts once, in an order drawn from the seed; those that fill no batch are left out, so a batch
 * is no larger than all of them.
 *
 * @param images indices into the data, at least one
 * @returns the images that were counted
 */
export async function measureNormStatistics(
  backend: Backend,
  { graph, parameters }: LoadedModel,
  data: DeviceData,
  images: Int32Array,
  { batch, augmentations, seed, onProgress }: NormStatisticsOptions,
): Promise<number> {
  const count = Math.min(batch, images.length);
  const steps = Math.floor(images.length / count);
  const step = tensor('step', [STEP.length], 'i32', 'persistent');
  const order = tensor('order', [images.length], 'i32', 'persistent');
  const network = new CompiledNetwork(graph, parameters, { batch: count, training: true, step });
  const list = new CallList();
  const picture = { images: data.images, order, out: network.input, step, size: data.size };
  list.emit('augment', { ...picture, crops: 1, draws: [...augmentations] });
  list.calls.push(...network.forward);
  const program = backend.compile(list.calls);
  const shuffled = permutation(keyOf(seed, STREAMS.shuffle, 0), images.length);
  backend.write(
    order,
    shuffled.map((position) => images[position]),
  );
  const { statistics } = parameters;
  const zeros = new Float32Array(statistics.shape[0]);
  const sums = new Float64Array(zeros.length);
  const words = new Int32Array(STEP.length);
  words[STEP.seed] = seed;
  for (let i = 0; i < steps; i++) {
    words[STEP.start] = i * count;
    words[STEP.step] = i;
    backend.write(step, words);
    // From zero, a step moves them by a known share of the batch's own.
    backend.write(statistics, zeros);
    backend.run(program);
    const moved = await backend.read(statistics);
    for (let j = 0; j < sums.length; j++) sums[j] += moved[j];
    onProgress?.((i + 1) * count);
  }
  backend.write(
    statistics,
    sums.map((sum) => sum / (steps * BATCH_NORM.momentum)),
  );
  return steps * count;
}
