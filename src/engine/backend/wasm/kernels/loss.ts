import { arg, argF } from './madd';
import { exp, log } from './math';

/**
 * Item 0 only. Softmax cross-entropy of N samples in float64, see `crossEntropy` and `mixedCrossEntropy`
 * in kernels.ts. Record: logits, labels, dlogits, totals, N, L, smoothing (f32), mixture or 0.
 */
export function crossEntropy(a: usize, item: usize, scratch: usize): void {
  const N = arg(a, 4);
  const L = arg(a, 5);
  const smoothing = <f64>argF(a, 6);
  const totals: usize = arg(a, 3);
  const base = smoothing / <f64>L;
  const mixture: usize = arg(a, 7);
  const partnerShare: f64 = mixture ? <f64>load<f32>(mixture, 20) : 0;
  const ownShare = 1 - partnerShare;
  let loss = load<f64>(totals);
  let correct = load<f64>(totals, 8);
  for (let n: usize = 0; n < N; n++) {
    const row = arg(a, 0) + n * L * 4;
    const out = arg(a, 2) + n * L * 4;
    const label: usize = load<u32>(arg(a, 1) + (n << 2));
    const partner: usize = load<u32>(arg(a, 1) + ((N - 1 - n) << 2));
    let top: f64 = -Infinity;
    let best: usize = 0;
    for (let l: usize = 0; l < L; l++) {
      const value = <f64>load<f32>(row + (l << 2));
      // A NaN never compares greater: it would hide, so it is let through on purpose.
      if (value > top || value != value) {
        top = value;
        best = l;
      }
    }
    let sum: f64 = 0;
    for (let l: usize = 0; l < L; l++) sum += exp(<f64>load<f32>(row + (l << 2)) - top);
    const logSum = top + log(sum);
    for (let l: usize = 0; l < L; l++) {
      const logP = <f64>load<f32>(row + (l << 2)) - logSum;
      const shown = (l == label ? ownShare : 0) + (l == partner ? partnerShare : 0);
      const target = base + (1 - smoothing) * shown;
      if (target != 0) loss -= target * logP;
      store<f32>(out + (l << 2), <f32>((exp(logP) - target) / <f64>N));
    }
    correct += (best == label ? ownShare : 0) + (best == partner ? partnerShare : 0);
  }
  store<f64>(totals, loss);
  store<f64>(totals, correct, 8);
  store<f64>(totals, load<f64>(totals, 16) + <f64>N, 16);
}

/**
 * Item 0 only. See `distill` in kernels.ts; in float64.
 * Record: logits, teacher, dlogits, N, L, temperature (f32), share (f32).
 */
export function distill(a: usize, item: usize, scratch: usize): void {
  const N = arg(a, 3);
  const L = arg(a, 4);
  const temperature = <f64>argF(a, 5);
  const share = <f64>argF(a, 6);
  const scale = (share * temperature) / <f64>N;
  for (let n: usize = 0; n < N; n++) {
    const own = arg(a, 0) + n * L * 4;
    const teacher = arg(a, 1) + n * L * 4;
    const out = arg(a, 2) + n * L * 4;
    const ownTop = largest(own, L);
    const teacherTop = largest(teacher, L);
    const ownSum = sumOfPowers(own, L, ownTop, temperature);
    const teacherSum = sumOfPowers(teacher, L, teacherTop, temperature);
    for (let at: usize = 0; at < L << 2; at += 4) {
      const p = exp((<f64>load<f32>(own + at) - ownTop) / temperature) / ownSum;
      const q = exp((<f64>load<f32>(teacher + at) - teacherTop) / temperature) / teacherSum;
      store<f32>(out + at, <f32>((1 - share) * <f64>load<f32>(out + at) + scale * (p - q)));
    }
  }
}

/** The largest of a row, or a NaN where there is one: it never compares greater, and would hide. */
function largest(row: usize, L: usize): f64 {
  let top: f64 = -Infinity;
  for (let l: usize = 0; l < L; l++) {
    const value = <f64>load<f32>(row + (l << 2));
    if (value > top || value != value) top = value;
  }
  return top;
}

function sumOfPowers(row: usize, L: usize, top: f64, temperature: f64): f64 {
  let sum: f64 = 0;
  for (let l: usize = 0; l < L; l++) sum += exp((<f64>load<f32>(row + (l << 2)) - top) / temperature);
  return sum;
}

/**
 * Item: an image. out[start + item] = mean of its rows of logits.
 * Record: logits, out, step, crops, L.
 */
export function averageCrops(a: usize, item: usize, scratch: usize): void {
  const crops = arg(a, 3);
  const L = arg(a, 4);
  const from = arg(a, 0) + item * crops * L * 4;
  const to = arg(a, 1) + (<usize>load<u32>(arg(a, 2), 8) + item) * L * 4;
  for (let l: usize = 0; l < L; l++) {
    let sum: f64 = 0;
    for (let c: usize = 0; c < crops; c++) sum += <f64>load<f32>(from + ((c * L + l) << 2));
    store<f32>(to + (l << 2), <f32>(sum / <f64>crops));
  }
}
