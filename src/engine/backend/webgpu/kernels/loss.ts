import { MIXTURE, STEP } from '../../../kernels.ts';
import { GROUP_INDEX } from '../dispatches.ts';
import { read, type Shader, THREADS, update, write } from '../shader.ts';
import { FINITE } from './finite.ts';

/**
 * Softmax cross-entropy of a row of logits: its gradient, and loss and score of the row as a pair. A
 * thread takes a row.
 */
export function crossEntropyShader({ L, mixed }: { L: number; mixed: boolean }): Shader {
  return {
    name: `crossEntropy L${L}${mixed ? ' mixed' : ''}`,
    operands: {
      logits: read(),
      labels: read('i32'),
      ...(mixed ? { mixture: read() } : {}),
      dlogits: write(),
      rows: write('f32x2'),
    },
    numbers: { samples: 'u32', smoothing: 'f32', zero: 'u32' },
    threads: 64,
    declarations: `${FINITE}
const L = ${L}u;
fn shown(label: u32, own: u32, partner: u32, share: f32) -> f32 {
  return select(0.0, 1.0 - share, label == own) + select(0.0, share, label == partner);
}`,
    body: `
  let n = ${GROUP_INDEX} * 64u + thread;
  if (n >= p.samples) { return; }
  let own = u32(labels(n));
  ${
    mixed
      ? `let partner = u32(labels(p.samples - 1u - n));
  let share = mixture(${MIXTURE.labelShare}u);`
      : 'let partner = own;\n  let share = 0.0;'
  }
  // The first of the largest, or a NaN.
  var best = 0u;
  var most = logits(n * L);
  for (var l = 1u; l < L; l++) {
    let score = logits(n * L + l);
    if (score > most || isNan(score)) {
      best = l;
      most = score;
    }
  }
  // A GPU's exp need not hand on a NaN; WGSL has no constant that is one.
  if (!isFinite(most)) {
    let nan = bitcast<f32>(0x7fc00000u | p.zero);
    for (var l = 0u; l < L; l++) { set_dlogits(n * L + l, nan); }
    set_rows(n, vec2f(nan, shown(best, own, partner, share)));
    return;
  }
  var total = 0.0;
  for (var l = 0u; l < L; l++) { total += exp(logits(n * L + l) - most); }
  let logTotal = log(total);
  var loss = 0.0;
  for (var l = 0u; l < L; l++) {
    // By way of the two differences: log Σ exp itself can be too large to leave room for their digits.
    let logP = logits(n * L + l) - most - logTotal;
    let wanted = p.smoothing / f32(L) + (1.0 - p.smoothing) * shown(l, own, partner, share);
    // 0 · log 0 counts as 0.
    if (wanted != 0.0) { loss -= wanted * logP; }
    set_dlogits(n * L + l, (exp(logits(n * L + l) - most) / total - wanted) / f32(p.samples));
  }
  set_rows(n, vec2f(loss, shown(best, own, partner, share)));`,
  };
}

/** A row of `distill`: see kernels.ts. A thread takes a row. */
export function distillShader(L: number): Shader {
  return {
    name: `distill L${L}`,
    operands: { logits: read(), teacher: read(), dlogits: update() },
    numbers: { samples: 'u32', temperature: 'f32', share: 'f32', zero: 'u32' },
    threads: 64,
    declarations: `${FINITE}
const L = ${L}u;`,
    body: `
  let first = (${GROUP_INDEX} * 64u + thread) * L;
  if (first >= p.samples * L) { return; }
  // Largest scores, or NaN.
  var own = logits(first);
  var wanted = teacher(first);
  for (var l = 1u; l < L; l++) {
    let mine = logits(first + l);
    let its = teacher(first + l);
    if (mine > own || isNan(mine)) { own = mine; }
    if (its > wanted || isNan(its)) { wanted = its; }
  }
  // A GPU's exp need not hand on a NaN; WGSL has no constant that is one.
  if (!isFinite(own) || !isFinite(wanted)) {
    for (var l = 0u; l < L; l++) { set_dlogits(first + l, bitcast<f32>(0x7fc00000u | p.zero)); }
    return;
  }
  var ownSum = 0.0;
  var wantedSum = 0.0;
  for (var l = 0u; l < L; l++) {
    ownSum += exp((logits(first + l) - own) / p.temperature);
    wantedSum += exp((teacher(first + l) - wanted) / p.temperature);
  }
  let scale = p.share * p.temperature / f32(p.samples);
  for (var l = 0u; l < L; l++) {
    let mine = exp((logits(first + l) - own) / p.temperature) / ownSum;
    let its = exp((teacher(first + l) - wanted) / p.temperature) / wantedSum;
    set_dlogits(first + l, (1.0 - p.share) * dlogits(first + l) + scale * (mine - its));
  }`,
  };
}

/**
 * Adds the rows' losses and scores to the totals. They are f64 to the host and here a sum of two float32,
 * so that a whole epoch loses nothing; `unchanged` keeps a compiler from simplifying (a + b) - a.
 */
export const TOTALS: Shader = {
  name: 'crossEntropy.totals',
  operands: { rows: read('f32x2'), totals: update('f32x2') },
  numbers: { samples: 'u32', zero: 'u32' },
  threads: THREADS,
  declarations: `${FINITE}
var<workgroup> sums: array<vec2f, ${THREADS}>;
fn unchanged(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) ^ p.zero); }
fn gain(slot: u32, value: f32) {
  let old = totals(slot);
  let sum = unchanged(old.x + value);
  let back = unchanged(sum - old.x);
  let rest = unchanged(old.x - unchanged(sum - back)) + unchanged(value - back);
  let low = unchanged(old.y + rest);
  let high = unchanged(sum + low);
  // An infinite sum has no rest.
  set_totals(slot, vec2f(high, select(0.0, low - unchanged(high - sum), isFinite(high))));
}`,
  body: `
  var sum = vec2f();
  for (var n = thread; n < p.samples; n += ${THREADS}u) { sum += rows(n); }
  sums[thread] = sum;
  for (var half = ${THREADS / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { sums[thread] += sums[thread + half]; }
  }
  workgroupBarrier();
  if (thread == 0u) {
    gain(0u, sums[0].x);
    gain(1u, sums[0].y);
    gain(2u, f32(p.samples));
  }`,
};

/** out[start + i] = mean over the consecutive rows of image i; a thread takes a label of an image. */
export function averageCropsShader({ L, crops }: { L: number; crops: number }): Shader {
  return {
    name: `averageCrops L${L} of ${crops}`,
    operands: { logits: read(), step: read('i32'), out: update() },
    numbers: { count: 'u32' },
    threads: 64,
    body: `
  let i = ${GROUP_INDEX} * 64u + thread;
  if (i >= p.count) { return; }
  const L = ${L}u;
  var sum = 0.0;
  for (var crop = 0u; crop < ${crops}u; crop++) { sum += logits((i / L * ${crops}u + crop) * L + i % L); }
  set_out(u32(step(${STEP.start}u)) * L + i, sum / ${crops}.0);`,
  };
}
