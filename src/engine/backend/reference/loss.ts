import { type KernelArgs, type KernelTable, MIXTURE, STEP } from '../../kernels.ts';
import type { Memory } from './memory.ts';

/** Loss and score of a step's samples. */
export const LOSS: Pick<
  KernelTable<Memory>,
  'crossEntropy' | 'mixedCrossEntropy' | 'distill' | 'averageCrops'
> = {
  crossEntropy: (args, memory) => crossEntropy(args, 0, memory),
  mixedCrossEntropy: (args, memory) =>
    crossEntropy(args, memory.floats(args.mixture)[MIXTURE.labelShare], memory),

  distill({ logits, teacher, dlogits, temperature, share }, memory) {
    const [N, L] = logits.shape;
    const gradient = memory.floats(dlogits);
    for (let n = 0; n < N; n++) {
      const own = softmax(memory.floats(logits).subarray(n * L, (n + 1) * L), temperature);
      const wanted = softmax(memory.floats(teacher).subarray(n * L, (n + 1) * L), temperature);
      for (let l = 0; l < L; l++) {
        const at = n * L + l;
        gradient[at] = (1 - share) * gradient[at] + (share * temperature * (own[l] - wanted[l])) / N;
      }
    }
  },

  averageCrops({ logits, out, step, crops }, memory) {
    const [rows, L] = logits.shape;
    const scores = memory.floats(logits);
    const averages = memory.floats(out);
    const start = memory.ints(step)[STEP.start];
    for (let image = 0; image < rows / crops; image++) {
      for (let l = 0; l < L; l++) {
        let sum = 0;
        for (let crop = 0; crop < crops; crop++) sum += scores[(image * crops + crop) * L + l];
        averages[(start + image) * L + l] = sum / crops;
      }
    }
  },
};

/**
 * Softmax cross-entropy -Σ_l t_l·log p_l with the target t = (1 - smoothing)·shown + smoothing / L
 * (Szegedy et al., arXiv 1512.00567); its gradient is (p - t) / N. A sample shows its own label, and its
 * partner's with a share (Zhang et al., arXiv 1710.09412).
 */
function crossEntropy(
  { logits, labels, dlogits, totals, smoothing }: KernelArgs['crossEntropy'],
  partnerShare: number,
  memory: Memory,
): void {
  const [N, L] = logits.shape;
  const scores = memory.floats(logits);
  const gradient = memory.floats(dlogits);
  const sums = memory.floats(totals);
  const classes = memory.ints(labels);
  for (let n = 0; n < N; n++) {
    const shown = (label: number): number =>
      (label === classes[n] ? 1 - partnerShare : 0) + (label === classes[N - 1 - n] ? partnerShare : 0);
    const row = scores.subarray(n * L, (n + 1) * L);
    const best = argmax(row);
    // log Σ exp, shifted by the largest so that nothing overflows.
    const logSum = row[best] + Math.log(row.reduce((sum, score) => sum + Math.exp(score - row[best]), 0));
    for (let l = 0; l < L; l++) {
      const logP = row[l] - logSum;
      const target = smoothing / L + (1 - smoothing) * shown(l);
      // 0 · log 0 counts as 0.
      if (target !== 0) sums[0] -= target * logP;
      gradient[n * L + l] = (Math.exp(logP) - target) / N;
    }
    sums[1] += shown(best);
  }
  sums[2] += N;
}

/** The position of the first largest value, or of a NaN where there is one. */
function argmax(row: Float64Array): number {
  let best = 0;
  for (let i = 0; i < row.length; i++) if (row[i] > row[best] || Number.isNaN(row[i])) best = i;
  return best;
}

/** Softmax of a row of logits divided by the temperature. */
function softmax(row: Float64Array, temperature: number): Float64Array {
  const most = row[argmax(row)];
  const powers = row.map((score) => Math.exp((score - most) / temperature));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
