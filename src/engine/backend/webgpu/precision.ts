import { type Call, type KernelName, operandsOf } from '../../kernels.ts';
import { type Buffer, type Tensor, tensor } from '../../tensor.ts';

/** How a program stores what it computes. */
export interface Precision {
  /** Activations and their gradients that are kept as 16-bit floats, and the buffers that hold them in place of their own. */
  readonly halves: ReadonlyMap<Buffer, Buffer>;
  /** Factors, powers of two, by which what is written to a buffer is multiplied. */
  readonly scales: ReadonlyMap<Buffer, number>;
}

/** Everything in 32 bits. */
export const FULL: Precision = { halves: new Map(), scales: new Map() };

/** What carries values from one layer to the next; all other calls read and write 32 bits. */
const LAYERS: ReadonlySet<KernelName> = new Set<KernelName>([
  ...(['conv3x3.forward', 'conv3x3.backwardInput', 'conv3x3.backwardWeight'] as const),
  ...(['batchNorm.forward', 'batchNorm.evaluate', 'batchNorm.backward'] as const),
  ...(['batchNorm.evaluateBackward', 'maxPool2.forward', 'maxPool2.backward'] as const),
  ...(['linear.forward', 'linear.backwardInput', 'linear.backwardWeight'] as const),
  ...(['relu.forward', 'relu.backward', 'dropout.forward', 'dropout.backward'] as const),
  ...(['flatten.forward', 'flatten.backward', 'add'] as const),
]);
/** Their operands that are images or features of samples. */
const VALUES: ReadonlySet<string> = new Set(['x', 'y', 'dx', 'dy', 'a', 'b']);
/** Those that sum over samples: the gradients of parameters. */
const PARAMETER_GRADIENTS = ['dw', 'db', 'dgamma', 'dbeta'];

/**
 * How large the gradients of single samples are made, as a multiple of what they are before the mean over the batch is
 * taken. In the paper's network, fresh and trained, the largest gradient that Winograd's transforms are given is then 20, and
 * they make at most a thousand times as much of it, which 16 bits still hold; the root of the mean square is 0.2 and more,
 * far above the least normal number, 6e-5.
 */
const SAMPLE_SCALE = 256;

/**
 * Mixed precision as in Micikevicius et al. 2018 (arXiv 1710.03740): activations and their gradients in 16 bits, sums and
 * parameters in 32, the gradients of the loss scaled up so that small ones are not lost, those of parameters scaled back.
 *
 * @param keep tensors that are read after a run: they stay as they are
 */
export function mixedPrecision(calls: readonly Call[], keep: readonly Tensor[]): Precision {
  const exact = new Set(keep.map(({ buffer }) => buffer));
  const values = new Set<Buffer>();
  const scales = new Map<Buffer, number>();
  let scale = 1;
  for (const one of calls) {
    const isLayer = LAYERS.has(one.kernel);
    for (const [name, { buffer }] of operandsOf(one)) {
      if (isLayer && VALUES.has(name)) values.add(buffer);
      else exact.add(buffer);
    }
    if (one.kernel !== 'crossEntropy' && one.kernel !== 'mixedCrossEntropy') continue;
    const { dlogits } = one.args;
    scale = SAMPLE_SCALE * 2 ** Math.ceil(Math.log2(dlogits.shape[0]));
    scales.set(dlogits.buffer, scale);
  }
  for (const one of calls) {
    if (!LAYERS.has(one.kernel)) continue;
    for (const [name, { buffer }] of operandsOf(one)) {
      if (PARAMETER_GRADIENTS.includes(name) && scale !== 1) scales.set(buffer, 1 / scale);
    }
  }
  const halves = new Map<Buffer, Buffer>();
  for (const buffer of values) {
    if (exact.has(buffer) || buffer.lifetime !== 'transient' || buffer.dtype !== 'f32') continue;
    halves.set(buffer, tensor(buffer.name, [buffer.length], 'f16').buffer);
  }
  return { halves, scales };
}
