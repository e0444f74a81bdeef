import type { Parameters } from '../engine/parameters.ts';
import { sizeOf } from '../engine/tensor.ts';
import type { Safetensors, StoredTensor } from '../io/safetensorsFormat.ts';
import { stored } from './loadModel.ts';

/**
 * Weights of narrow networks side by side in a wide one, whose answers are the mean of theirs: the channels of the first
 * come first, and none sees those of another. What is left of the wide one is drawn as in a new network and leads to the
 * outputs with zeros, so training finds it at work only as far as it helps (after Chen, Goodfellow and Shlens,
 * Net2Net, arXiv 1511.05641, whose new channels are copies).
 *
 * @param parameters those of the wide network
 * @param narrow weights, all of one network. Of another one than the wide network, tensors that have the same names in both are
 *   taken, and no others: what leads to the outputs is then as in a new network. Tensors of one name have the same rank; a
 *   side that is not that of the wide network is one of channels, and those of all have room
 * @param seed of the fresh weights
 */
export function widen(parameters: Parameters, narrow: readonly Safetensors[], seed: number): Safetensors {
  const initial = parameters.initial(seed);
  const tensors: Record<string, StoredTensor> = {};
  for (const [name, view] of parameters.state) {
    const of = view.buffer === parameters.values.buffer ? initial.values : initial.statistics;
    const values = of.slice(view.offset, view.offset + sizeOf(view.shape));
    const parts = narrow.map(({ tensors: each }) => each[name]);
    if (parts[0] !== undefined) insert({ data: values, shape: view.shape }, parts);
    tensors[name] = stored(view.shape, values);
  }
  return { tensors, metadata: narrow.length === 1 ? narrow[0].metadata : {} };
}

/**
 * Puts tensors [outputs, inputs, ...] beside each other, from the front. Outputs that are channels have zeros for what is
 * not their network's; those that are the answers take their part of each.
 */
function insert(
  { data: values, shape }: { readonly data: Float32Array; readonly shape: readonly number[] },
  parts: readonly StoredTensor[],
): void {
  const width = sizeOf(shape) / shape[0];
  let [top, left] = [0, 0];
  for (const part of parts) {
    const [outputs] = part.shape;
    const data = part.data as Float32Array;
    const answers = outputs === shape[0];
    const partWidth = sizeOf(part.shape) / outputs;
    // One that sees the picture itself, as all others do, has a row of the same length; so have single numbers.
    const sharesInputs = partWidth === width;
    for (let output = 0; output < outputs; output++) {
      const row = values.subarray((top + output) * width, (top + output + 1) * width);
      if (!answers || part === parts[0]) row.fill(0);
      for (let i = 0; i < partWidth; i++) {
        const value = data[output * partWidth + i];
        if (answers) row[left + i] += value / parts.length;
        else row[left + i] = value;
      }
    }
    if (!answers) top += outputs;
    if (!sharesInputs) left += partWidth;
  }
}
