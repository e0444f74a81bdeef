import { GROUP_INDEX } from '../dispatches.ts';
import { read, type Shader, THREADS, update, write } from '../shader.ts';
import { rectified } from './finite.ts';
import type { FlatSpec } from './flat.ts';

/** Pixels of a block of the statistics, as a rule of the shape alone: enough blocks to fill a GPU, and few to add up. */
export function blockOf(P: number): { block: number; blocks: number } {
  const block = Math.max(LEAST_BLOCK, Math.ceil(P / MOST_BLOCKS / 32) * 32);
  return { block, blocks: Math.ceil(P / block) };
}
const LEAST_BLOCK = 128;
const MOST_BLOCKS = 1024;

/** Channels side by side in a workgroup; the rest of its threads takes other pixels. */
export function lanesAcross(C: number, most: number): number {
  let lanes = 1;
  while (lanes < C && lanes < most) lanes *= 2;
  return lanes;
}
/** A row of 32 channels is a whole memory transaction; where few rows are read, more rows at once are better. */
const ACROSS = 32;
const FINISH_ACROSS = 8;

const placeOf = (C: number, across: number): string => `
  const C = ${C}u;
  const ROWS = ${THREADS / across}u;
  let channel = group.y * ${across}u + thread % ${across}u;
  let rowAt = thread / ${across}u;
  let real = channel < C;
  let c = min(channel, C - 1u);`;

/** Merges the partial results of the threads of one channel, in a fixed order, with `merge(a, b)`. */
const tree = (across: number, type: string): string => `
  shares[thread] = mine;
  for (var half = ROWS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (rowAt < half) { shares[thread] = merge(shares[thread], shares[thread + half * ${across}u]); }
  }
  let all: ${type} = shares[thread];`;

/**
 * Mean and sum of squares about it, of a number of values: merged after Chan, Golub & LeVeque ("Updating
 * formulae and a pairwise algorithm for computing sample variances", 1979). Means are counted from the
 * channel's first value, so that little is lost where they are large next to the values' spread.
 */
const MOMENTS = (threads: number): string => `
struct Moments { count: f32, mean: f32, squares: f32 }
var<workgroup> shares: array<Moments, ${threads}>;
fn merge(a: Moments, b: Moments) -> Moments {
  if (b.count == 0.0) { return a; }
  if (a.count == 0.0) { return b; }
  let count = a.count + b.count;
  let difference = b.mean - a.mean;
  let share = b.count / count;
  return Moments(count, a.mean + difference * share, a.squares + b.squares + difference * difference * a.count * share);
}`;

/** Statistics of a block of pixels for each channel: parts [blocks, 2, C]. Grid: blocks, channels / 32. */
export function statisticsShader(C: number): Shader {
  const across = lanesAcross(C, ACROSS);
  return {
    name: `norm.statistics C${C}`,
    operands: { x: read(), parts: write() },
    numbers: { pixels: 'u32', block: 'u32' },
    threads: THREADS,
    declarations: MOMENTS(THREADS),
    body: `${placeOf(C, across)}
  let first = group.x * p.block;
  let end = min(first + p.block, p.pixels);
  // Differences to the thread's first value: it is as near to their mean as they are to each other.
  let start = min(first + rowAt, p.pixels - 1u);
  let pivot = x(start * C + c);
  var sum = 0.0;
  var squares = 0.0;
  var count = 0.0;
  for (var pixel = first + rowAt; pixel < end; pixel += ROWS) {
    let d = x(pixel * C + c) - pivot;
    sum += d;
    squares += d * d;
    count += 1.0;
  }
  let average = sum / max(count, 1.0);
  let mine = Moments(count, pivot - x(c) + average, squares - sum * average);
  ${tree(across, 'Moments')}
  if (rowAt == 0u && real) {
    set_parts(group.x * 2u * C + c, all.mean);
    set_parts((group.x * 2u + 1u) * C + c, all.squares);
  }`,
  };
}

/** Merges the blocks; moves the running statistics. Grid: 1, channels / 8. */
export function finishShader(C: number): Shader {
  const across = lanesAcross(C, FINISH_ACROSS);
  return {
    name: `norm.finish C${C}`,
    operands: { x: read(), parts: read(), saved: write(), runningMean: update(), runningVar: update() },
    numbers: { pixels: 'u32', block: 'u32', blocks: 'u32', eps: 'f32', momentum: 'f32' },
    threads: THREADS,
    declarations: MOMENTS(THREADS),
    body: `${placeOf(C, across)}
  var mine = Moments(0.0, 0.0, 0.0);
  for (var i = rowAt; i < p.blocks; i += ROWS) {
    let count = f32(min(p.block, p.pixels - i * p.block));
    mine = merge(mine, Moments(count, parts(i * 2u * C + c), parts((i * 2u + 1u) * C + c)));
  }
  ${tree(across, 'Moments')}
  if (rowAt == 0u && real) {
    let variance = all.squares / f32(p.pixels);
    let mean = x(c) + all.mean;
    set_saved(c, mean);
    set_saved(C + c, 1.0 / sqrt(variance + p.eps));
    let unbiased = all.squares / f32(max(p.pixels, 2u) - 1u);
    set_runningMean(c, runningMean(c) + p.momentum * (mean - runningMean(c)));
    set_runningVar(c, runningVar(c) + p.momentum * (unbiased - runningVar(c)));
  }`,
  };
}

/** `saved` from the running statistics. A thread takes a channel. */
export const FIXED: Shader = {
  name: 'norm.fixed',
  operands: { runningMean: read(), runningVar: read(), saved: write() },
  numbers: { channels: 'u32', eps: 'f32' },
  threads: 64,
  body: `
  let c = ${GROUP_INDEX} * 64u + thread;
  if (c >= p.channels) { return; }
  set_saved(c, runningMean(c));
  set_saved(p.channels + c, 1.0 / sqrt(runningVar(c) + p.eps));`,
};

const channelOf =
  (C: number) =>
  (lanes: number): string =>
    `let c = i % ${C / lanes}u;`;

/** The same expression forward and backward, so that the ReLU's mask is that of the forward pass. */
const NORMALIZED =
  'fn normalized(value: T, mean: T, rstd: T, gamma: T, beta: T) -> T { return fma(value - mean, rstd * gamma, beta); }';

/**
 * For kernels that normalize what they write, with saved statistics: operands, and `finished(value, c)` for channel c of
 * values `T`, a number or the four of channels 4c to 4c + 3; `saved(c)` and the others are single numbers.
 */
export function finishing(
  C: number,
  lanes: 1 | 4,
  relu: boolean,
): { operands: Shader['operands']; declarations: string } {
  const of = (name: string, first: string): string =>
    lanes === 1
      ? `${name}(${first}c)`
      : `vec4f(${[0, 1, 2, 3].map((lane) => `${name}(${first}4u * c + ${lane}u)`).join(', ')})`;
  const values = [of('saved', ''), of('saved', `${C}u + `), of('gamma', ''), of('beta', '')];
  const z = `normalized(value, ${values.join(', ')})`;
  return {
    operands: { saved: read(), gamma: read(), beta: read() },
    declarations: `alias T = ${lanes === 4 ? 'vec4f' : 'f32'};
${NORMALIZED}
${relu ? rectified(lanes) : ''}
fn finished(value: T, c: u32) -> T { return ${relu ? `rectified(${z})` : z}; }`,
  };
}

const AFFINE = { saved: 'read', gamma: 'read', beta: 'read' } as const;

/** y = γ·(x - mean)·rstd + β, then ReLU if asked. */
export const apply = (C: number, relu: boolean): FlatSpec => ({
  name: `norm.apply C${C}${relu ? ' relu' : ''}`,
  flat: { x: 'read', y: 'write' },
  channels: AFFINE,
  declarations: (lanes) => `${NORMALIZED}\n${relu ? rectified(lanes) : ''}`,
  body: (lanes) => `${channelOf(C)(lanes)}
  let z = normalized(x(i), saved(c), saved(c + ${C / lanes}u), gamma(c), beta(c));
  set_y(i, ${relu ? 'rectified(z)' : 'z'});`,
});

/** dy where the ReLU let the forward value through. */
const passed = (relu: boolean, C: string): string =>
  relu
    ? `select(T(0), dy(at), normalized(value, saved(c), saved(c + ${C}), gamma(c), beta(c)) > T(0))`
    : 'dy(at)';

/** Σ g and Σ g·x̂ of a block of pixels for each channel: parts [blocks, 2, C]. */
export function gradientSumsShader(C: number, relu: boolean): Shader {
  const across = lanesAcross(C, ACROSS);
  return {
    name: `norm.dsums C${C}${relu ? ' relu' : ''}`,
    operands: { x: read(), dy: read(), saved: read(), gamma: read(), beta: read(), parts: write() },
    numbers: { pixels: 'u32', block: 'u32' },
    threads: THREADS,
    declarations: `alias T = f32;
var<workgroup> shares: array<vec2f, ${THREADS}>;
fn merge(a: vec2f, b: vec2f) -> vec2f { return a + b; }
${NORMALIZED}`,
    body: `${placeOf(C, across)}
  let first = group.x * p.block;
  let end = min(first + p.block, p.pixels);
  var mine = vec2f();
  for (var pixel = first + rowAt; pixel < end; pixel += ROWS) {
    let at = pixel * C + c;
    let value = x(at);
    let g = ${passed(relu, 'C')};
    mine += vec2f(g, g * (value - saved(c)) * saved(C + c));
  }
  ${tree(across, 'vec2f')}
  if (rowAt == 0u && real) {
    set_parts(group.x * 2u * C + c, all.x);
    set_parts((group.x * 2u + 1u) * C + c, all.y);
  }`,
  };
}

/**
 * Adds the blocks up to dβ and dγ; factors [3, C] are those of dx = f0·g + f1·(x - mean) + f2, where f1
 * and f2 take off what mean and variance share of the gradient.
 */
export function gradientFinishShader(C: number): Shader {
  const across = lanesAcross(C, FINISH_ACROSS);
  return {
    name: `norm.dfinish C${C}`,
    operands: {
      parts: read(),
      saved: read(),
      gamma: read(),
      dgamma: write(),
      dbeta: write(),
      factors: write(),
    },
    numbers: { pixels: 'u32', blocks: 'u32' },
    threads: THREADS,
    declarations: `
var<workgroup> shares: array<vec2f, ${THREADS}>;
fn merge(a: vec2f, b: vec2f) -> vec2f { return a + b; }`,
    body: `${placeOf(C, across)}
  var mine = vec2f();
  for (var i = rowAt; i < p.blocks; i += ROWS) {
    mine += vec2f(parts(i * 2u * C + c), parts((i * 2u + 1u) * C + c));
  }
  ${tree(across, 'vec2f')}
  if (rowAt == 0u && real) {
    let rstd = saved(C + c);
    let scale = gamma(c) * rstd;
    set_dbeta(c, all.x);
    set_dgamma(c, all.y);
    set_factors(c, scale);
    set_factors(C + c, -scale * rstd * all.y / f32(p.pixels));
    set_factors(2u * C + c, -scale * all.x / f32(p.pixels));
  }`,
  };
}

/** The gradient through batch norm in training; dx may be dy. */
export const gradientApply = (C: number, relu: boolean): FlatSpec => ({
  name: `norm.dapply C${C}${relu ? ' relu' : ''}`,
  flat: { x: 'read', dy: 'read', dx: 'write' },
  channels: { ...AFFINE, factors: 'read' },
  declarations: NORMALIZED,
  body: (lanes) => `${channelOf(C)(lanes)}
  let at = i;
  let value = x(i);
  let g = ${passed(relu, `${C / lanes}u`)};
  set_dx(i, factors(c) * g + factors(c + ${C / lanes}u) * (value - saved(c)) + factors(c + ${(2 * C) / lanes}u));`,
});

/** The gradient through fixed statistics; dx may be dy. */
export const gradientFixed = (C: number, relu: boolean): FlatSpec => ({
  name: `norm.dfixed C${C}${relu ? ' relu' : ''}`,
  flat: { x: 'read', dy: 'read', dx: 'write' },
  channels: AFFINE,
  declarations: NORMALIZED,
  body: (lanes) => `${channelOf(C)(lanes)}
  let at = i;
  let value = x(i);
  let g = ${passed(relu, `${C / lanes}u`)};
  set_dx(i, gamma(c) * saved(c + ${C / lanes}u) * g);`,
});
