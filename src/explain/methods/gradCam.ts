import type { Graph, Node } from '../../engine/graph.ts';
import { averageCrops } from '../crops.ts';
import type { Found, Method } from '../method.ts';
import type { Inner } from '../probe.ts';

/**
 * Grad-CAM (Selvaraju et al., arXiv 1610.02391) at the last convolution: its feature maps A_k, each weighted
 * by the mean gradient of the logit over its pixels, summed; what speaks against the label is cut off by a
 * ReLU. The feature maps are small, so the map shows regions, not pixels. Each crop has a map of its own.
 */
export const gradCam: Method = {
  title: 'Grad-CAM',
  unit: 'weighted activation',
  grain: 'region',
  async explain(probe, subjects) {
    const { crops } = probe;
    const node = lastFeatures(probe.model.graph);
    const [H, W] = node.shape;
    const found: Found[] = [];
    await probe.inner(
      node,
      {
        count: subjects.length,
        draw: (i) => subjects[i].pixels,
        target: (i) => subjects[i].target,
      },
      (_, inner) => {
        const maps = new Float64Array(crops.count * crops.side ** 2);
        for (let crop = 0; crop < crops.count; crop++) {
          const small = classActivation(inner, crop, node.shape);
          maps.set(enlarge(small, H, W, crops.side), crop * crops.side ** 2);
        }
        found.push({ values: averageCrops(maps, crops) });
      },
    );
    return found;
  },
};

/**
 * The feature maps that the last convolution ends in: what batch norm, residual sum and ReLU after it have
 * made of its output.
 */
export function lastFeatures({ nodes }: Graph): Node {
  const last = nodes.filter(({ op }) => op.startsWith('conv')).at(-1);
  if (!last) throw new Error('the network has no convolution');
  let features = last;
  for (const node of nodes.slice(last.index + 1)) {
    const goesOn = node.inputs.includes(features) && node.shape.join() === last.shape.join();
    if (goesOn) features = node;
  }
  return features;
}

/** max(0, Σ_k w_k·A_k) of one crop, [H, W], with w_k the mean gradient of feature map k. */
function classActivation(
  { value, gradient }: Inner,
  crop: number,
  [H, W, K]: readonly number[],
): Float64Array {
  const first = crop * H * W * K;
  const weights = new Float64Array(K);
  for (let i = 0; i < H * W * K; i++) weights[i % K] += gradient[first + i] / (H * W);
  const map = new Float64Array(H * W);
  for (let i = 0; i < H * W * K; i++) map[Math.floor(i / K)] += weights[i % K] * value[first + i];
  return map.map((v) => Math.max(0, v));
}

/** Bilinear, with the centres of the corner pixels held beyond them (PyTorch's `align_corners=False`). */
function enlarge(map: Float64Array, H: number, W: number, side: number): Float64Array {
  const large = new Float64Array(side * side);
  for (let y = 0; y < side; y++) {
    const v = Math.min(Math.max(((y + 0.5) * H) / side - 0.5, 0), H - 1);
    const top = Math.floor(v);
    const bottom = Math.min(top + 1, H - 1);
    for (let x = 0; x < side; x++) {
      const u = Math.min(Math.max(((x + 0.5) * W) / side - 0.5, 0), W - 1);
      const left = Math.floor(u);
      const right = Math.min(left + 1, W - 1);
      const upper = map[top * W + left] * (1 - (u - left)) + map[top * W + right] * (u - left);
      const lower = map[bottom * W + left] * (1 - (u - left)) + map[bottom * W + right] * (u - left);
      large[y * side + x] = upper * (1 - (v - top)) + lower * (v - top);
    }
  }
  return large;
}
