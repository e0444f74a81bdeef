import type { Parameters } from '../engine/parameters.ts';
import { sizeOf } from '../engine/tensor.ts';
import type { Safetensors, StoredTensor } from '../io/safetensorsFormat.ts';
import { stored } from './loadModel.ts';

/**
 * Weights of a network as those of the same network with more channels, that gives the same answers: the old channels come
 * first and do not see the new ones, whose weights are drawn as in a new network. As what leads from the new ones
 * to the outputs is zero at first, training finds them at work only as far as they help (after Chen, Goodfellow
 * and Shlens, Net2Net, arXiv 1511.05641, whose new channels are copies).
 *
 * @param parameters those of the wide network
 * @param narrow weights whose tensors have the same names and ranks, and no larger sides
 */
export function widen(parameters: Parameters, narrow: Safetensors, seed: number): Safetensors {
  const initial = parameters.initial(seed);
  const tensors: Record<string, StoredTensor> = {};
  for (const [name, view] of parameters.state) {
    const of = view.buffer === parameters.values.buffer ? initial.values : initial.statistics;
    const values = of.slice(view.offset, view.offset + sizeOf(view.shape));
    const old = narrow.tensors[name];
    insert(values, view.shape, old.data as Float32Array, old.shape);
    tensors[name] = stored(view.shape, values);
  }
  return { tensors, metadata: narrow.metadata };
}

/** Puts `old` [outputs, inputs, ...] in front; an old output has zeros for what it did not know. */
function insert(
  values: Float32Array,
  shape: readonly number[],
  old: ArrayLike<number>,
  oldShape: readonly number[],
): void {
  const [outputs] = oldShape;
  const width = sizeOf(shape) / shape[0];
  const oldWidth = sizeOf(oldShape) / outputs;
  for (let output = 0; output < outputs; output++) {
    const row = values.subarray(output * width, (output + 1) * width);
    row.fill(0, oldWidth);
    for (let i = 0; i < oldWidth; i++) row[i] = old[output * oldWidth + i];
  }
}
