import type { Augmentation } from './augment.ts';
import type { Tensor } from './tensor.ts';

/**
 * Every kernel a plan can call, with its operands. Dimension letters: N images (or samples), H rows,
 * W columns, C input channels, K output channels, I and O features of a linear layer, L labels.
 * Activations are NHWC. Weights keep PyTorch's layout: convolutions [K, C, 3, 3], linear layers [O, I].
 * Operands named d… are gradients of the mean loss. An output may not overlap an input except where
 * "in place" is said.
 */
export interface KernelArgs {
  /** Pixels of the samples of a step: see `augment.ts`. `order` [≥ start+N] holds entries as of `ORDER`. */
  augment: {
    images: Tensor;
    order: Tensor;
    /** [N·crops, S, S, 1], S the crop's side. */
    out: Tensor;
    step: Tensor;
    /** Side of a stored image. */
    size: number;
    crops: 1 | 10;
    /** Drawn for each sample; what is not stays as stored. `crop` moves a single crop from the centre. */
    draws: readonly Augmentation[];
  };
  /** labels[i] = targets[image], the image of order[start + i / crops]. */
  gatherLabels: { targets: Tensor; order: Tensor; labels: Tensor; step: Tensor; crops: number };
  /**
   * Mixup and CutMix: y = x + share·(partner - x), partner = x[N - 1 - n]; inside the box of `mixture`
   * y = partner. x and y [N, H, W, C], `mixture` [MIXTURE.length] f32.
   */
  mix: { x: Tensor; y: Tensor; mixture: Tensor };

  /** y = correlate(x, w) + b; 3x3, stride 1, zero padding 1. */
  'conv3x3.forward': { x: Tensor; w: Tensor; b: Tensor; y: Tensor };
  'conv3x3.backwardInput': { dy: Tensor; w: Tensor; dx: Tensor };
  'conv3x3.backwardWeight': { x: Tensor; dy: Tensor; dw: Tensor; db: Tensor };

  /**
   * Batch norm with the batch's statistics, then ReLU where `relu`. `saved` [2, C] takes mean and
   * 1/sqrt(variance + eps); the running statistics move by `momentum` (the variance unbiased, as PyTorch).
   */
  'batchNorm.forward': {
    x: Tensor;
    gamma: Tensor;
    beta: Tensor;
    runningMean: Tensor;
    runningVar: Tensor;
    saved: Tensor;
    y: Tensor;
    eps: number;
    momentum: number;
    relu: boolean;
  };
  /** dx may be dy (in place). The ReLU mask is recomputed from x. */
  'batchNorm.backward': {
    x: Tensor;
    gamma: Tensor;
    beta: Tensor;
    saved: Tensor;
    dy: Tensor;
    dx: Tensor;
    dgamma: Tensor;
    dbeta: Tensor;
    relu: boolean;
  };
  /** Batch norm with the running statistics; `saved` as above, for the backward pass. */
  'batchNorm.evaluate': {
    x: Tensor;
    gamma: Tensor;
    beta: Tensor;
    runningMean: Tensor;
    runningVar: Tensor;
    saved: Tensor;
    y: Tensor;
    eps: number;
    relu: boolean;
  };
  /** The gradient through fixed statistics; dx may be dy (in place). */
  'batchNorm.evaluateBackward': {
    x: Tensor;
    gamma: Tensor;
    beta: Tensor;
    saved: Tensor;
    dy: Tensor;
    dx: Tensor;
    relu: boolean;
  };

  /** 2x2 windows, stride 2, the last odd row and column left out; ties go to the first of a window. */
  'maxPool2.forward': { x: Tensor; y: Tensor };
  'maxPool2.backward': { x: Tensor; dy: Tensor; dx: Tensor };

  /** y = x wᵀ + b. */
  'linear.forward': { x: Tensor; w: Tensor; b: Tensor; y: Tensor };
  'linear.backwardInput': { dy: Tensor; w: Tensor; dx: Tensor };
  'linear.backwardWeight': { x: Tensor; dy: Tensor; dw: Tensor; db: Tensor };

  'relu.forward': { x: Tensor; y: Tensor };
  /** dx = y > 0 ? dy : 0; dx may be dy (in place). */
  'relu.backward': { y: Tensor; dy: Tensor; dx: Tensor };
  /** y = kept ? x / (1 - p) : 0, kept drawn from (seed, step, layer, element). */
  'dropout.forward': { x: Tensor; y: Tensor; step: Tensor; p: number; layer: number };
  /** dx may be dy (in place). */
  'dropout.backward': { dy: Tensor; dx: Tensor; step: Tensor; p: number; layer: number };
  /** NHWC to [N, C·H·W] in PyTorch's order of features. */
  'flatten.forward': { x: Tensor; y: Tensor };
  'flatten.backward': { dy: Tensor; dx: Tensor };
  /** y = a + b; y may be a (in place). */
  add: { a: Tensor; b: Tensor; y: Tensor };

  /**
   * Mean softmax cross-entropy over N samples against one-hot labels smoothed by `smoothing`, and its
   * gradient. `totals` [3] f64 gains the summed loss, the correct top-1 predictions and N.
   */
  crossEntropy: { logits: Tensor; labels: Tensor; dlogits: Tensor; totals: Tensor; smoothing: number };
  /**
   * The same where sample n also shows a share of sample N - 1 - n, as `mix` left it: the target is
   * (1 - share)·own + share·partner's, share = mixture[MIXTURE.labelShare]; a prediction of either counts
   * as its share of a correct one.
   */
  mixedCrossEntropy: {
    logits: Tensor;
    labels: Tensor;
    mixture: Tensor;
    dlogits: Tensor;
    totals: Tensor;
    smoothing: number;
  };
  /**
   * Learning from another network's logits of the same samples, in place (Hinton et al., arXiv 1503.02531):
   * dlogits = (1 - share)·dlogits + share·T/N·(softmax(logits / T) - softmax(teacher / T)), T = temperature. The second
   * part is the gradient of T² times the mean Kullback-Leibler divergence of the two softmaxes.
   */
  distill: { logits: Tensor; teacher: Tensor; dlogits: Tensor; temperature: number; share: number };
  /** out[start + i] = mean over the `crops` consecutive rows of image i; out [≥ start+N, L]. */
  averageCrops: { logits: Tensor; out: Tensor; step: Tensor; crops: number };

  /**
   * Optimizers of PyTorch over a run of parameters, a multiple of 4. All start with g = grad + decay·p,
   * where decay = weightDecay if `decay`, plus decayAll. `hyper` [HYPER.length] f64 holds the other names.
   * SGD: v = momentum·v + g; p -= lr·(nesterov ? g + momentum·v : v).
   */
  sgd: {
    param: Tensor;
    grad: Tensor;
    velocity: Tensor;
    hyper: Tensor;
    decay: boolean;
    nesterov: boolean;
  };
  /**
   * Adam, and AdamW by `shrink`: mean = momentum·mean + meanShare·g; square = squareDecay·square +
   * squareShare·g²; p -= shrink·p if `decay`; p -= lr·mean / (rootScale·√square + eps).
   */
  adam: { param: Tensor; grad: Tensor; mean: Tensor; square: Tensor; hyper: Tensor; decay: boolean };
  /** The same with maximum = max(maximum, square) in place of `square` under the root. */
  amsgrad: {
    param: Tensor;
    grad: Tensor;
    mean: Tensor;
    square: Tensor;
    maximum: Tensor;
    hyper: Tensor;
    decay: boolean;
  };
  /**
   * square = squareDecay·square + squareShare·g²; d = g·√(delta + eps) / √(square + eps);
   * delta = squareDecay·delta + squareShare·d²; p -= lr·d.
   */
  adadelta: { param: Tensor; grad: Tensor; square: Tensor; delta: Tensor; hyper: Tensor; decay: boolean };
  /** sum += g²; p -= lr·g / (√sum + eps). */
  adagrad: { param: Tensor; grad: Tensor; sum: Tensor; hyper: Tensor; decay: boolean };
  /** sum [1] = Σ x². */
  squareSum: { x: Tensor; sum: Tensor };
  /**
   * Towards a higher loss, as sharpness-aware minimization does before it takes the gradient (Foret et al., arXiv 2010.01412):
   * start = param; param += radius·grad / (√squareSum + 1e-12). A squareSum of 0 leaves the parameters.
   */
  ascend: { param: Tensor; grad: Tensor; squareSum: Tensor; start: Tensor; radius: number };
  /** y = x. */
  copy: { x: Tensor; y: Tensor };
  /** average += share·(value - average), share = hyper[HYPER.average]; a share of 1 copies. */
  average: { value: Tensor; average: Tensor; hyper: Tensor };
}

export type KernelName = keyof KernelArgs;
export type Call = {
  [Name in KernelName]: { readonly kernel: Name; readonly args: KernelArgs[Name] };
}[KernelName];

/** A table with a row for every kernel: a missing one is a compile error. */
export type KernelTable<Context> = {
  [Name in KernelName]: (args: KernelArgs[Name], context: Context) => void;
};

/**
 * An entry of the order in which images are taken, i32: the bits of `image` are its index, those above them count its
 * earlier occurrences in the epoch, so that each is drawn on its own. Counts start again at 0 after so many `occurrences`.
 */
export const ORDER = { image: 0xffffff, occurrence: 1 << 24, occurrences: 128 } as const;

/** Slots of the persistent `step` tensor, i32: what changes from step to step, written by the host. */
export const STEP = { seed: 0, epoch: 1, start: 2, step: 3, length: 4 } as const;

/**
 * Slots of the persistent `hyper` tensor, f64: what an update needs besides tensors, written by the host
 * before each step. Complements and bias corrections are slots of their own: 1 - 0.999 in float32 is wrong
 * in its fifth digit.
 */
export const HYPER = {
  /** The step's length, where an optimizer's own corrections are part of it. */
  lr: 0,
  /** Share of the velocity, or of Adam's mean gradient, that is kept. */
  momentum: 1,
  weightDecay: 2,
  /** Weight decay of all parameters, whatever `decay` says. */
  decayAll: 3,
  /** What a parameter loses of itself apart from the gradient. */
  shrink: 4,
  meanShare: 5,
  squareDecay: 6,
  squareShare: 7,
  rootScale: 8,
  eps: 9,
  average: 10,
  length: 11,
} as const;

/** Slots of the persistent `mixture` tensor, f32: how the samples of a step are mixed; zeros leave them. */
export const MIXTURE = {
  /** Of the partner, outside the box. */
  share: 0,
  /** The box in pixels; none where its width is 0. */
  left: 1,
  top: 2,
  width: 3,
  height: 4,
  /** Of the partner's label. */
  labelShare: 5,
  length: 6,
} as const;

export function call<Name extends KernelName>(kernel: Name, args: KernelArgs[Name]): Call {
  return { kernel, args } as Call;
}

/** The tensors among a call's operands, by name. */
export function operandsOf(of: Call): [string, Tensor][] {
  return Object.entries(of.args).filter(
    (entry): entry is [string, Tensor] => typeof entry[1] === 'object' && 'buffer' in entry[1],
  );
}
