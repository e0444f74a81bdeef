import { GROUP_INDEX } from '../dispatches.ts';
import { read, type Shader, THREADS, write } from '../shader.ts';
import { finishing } from './norm.ts';

/**
 * The convolution of a first layer, from one channel to a multiple of four: Winograd's transforms would
 * cost more than they save. A thread takes four channels of a strip of pixels in a row of an image.
 */
export interface FirstLayer {
  readonly H: number;
  readonly W: number;
  readonly K: number;
}

/** Pixels of a strip: its thread reads each neighbourhood once. */
const STRIP = 5;
const TAPS = 9;

const across = ({ K }: FirstLayer): number => {
  let lanes = 1;
  while (lanes * 4 < K && lanes < 16) lanes *= 2;
  return lanes;
};

/** Strips of an image's row. */
const strips = (W: number): number => Math.ceil(W / STRIP);

/** Strips side by side in a workgroup, and channels that one has. */
export function firstLayerGroup(layer: FirstLayer): { strips: number; channels: number; perRow: number } {
  const lanes = across(layer);
  return { strips: THREADS / lanes, channels: lanes * 4, perRow: strips(layer.W) };
}

/** Common names: four channels `k4`, the strip's image row and first pixel. */
const NAMES = (layer: FirstLayer): string => `
const H = ${layer.H};
const W = ${layer.W};
const K4 = ${layer.K / 4}u;
const LANES = ${across(layer)}u;
const STRIPS = ${strips(layer.W)}u;
/** A pixel of row dy from the given one (of all images' rows), 0 outside its image; without a branch. */
fn pixel(band: i32, dy: i32, column: i32) -> f32 {
  let y = band % H + dy;
  let value = x(u32((band - band % H + clamp(y, 0, H - 1)) * W + clamp(column, 0, W - 1)));
  return select(0.0, value, (y >= 0) & (y < H) & (column >= 0) & (column < W));
}`;

/** The neighbourhood of a strip as n{row}_{column}, from one pixel up and left of it. */
const NEIGHBOURHOOD = [0, 1, 2]
  .flatMap((r) =>
    Array.from({ length: STRIP + 2 }, (_, s) => `let n${r}_${s} = pixel(band, ${r - 1}, column + ${s - 1});`),
  )
  .join('\n  ');

/**
 * y [N, H, W, K] = correlate(x [N, H, W, 1], w [K, 1, 3, 3]) + b, normalized with saved statistics where `norm` says so. Grid:
 * strips, blocks of channels.
 */
export function firstShader(layer: FirstLayer, norm?: { relu: boolean }): Shader {
  const finish = norm && finishing(layer.K, 4, norm.relu);
  const { channels } = firstLayerGroup(layer);
  const outputs = Array.from({ length: STRIP }, (_, s) => {
    const sum = Array.from({ length: TAPS }, (_, tap) => {
      const value = `vec4f(n${Math.floor(tap / 3)}_${s + (tap % 3)})`;
      return `sum = fma(${value}, w${tap}, sum);`;
    }).join(' ');
    return `if (column + ${s} < W) { var sum = four; ${sum} set_y(at + ${s}u * K4, ${finish ? 'finished(sum, k4)' : 'sum'}); }`;
  });
  return {
    name: `conv.first ${layer.H}x${layer.W} to ${layer.K}${norm ? ' norm' : ''}${norm?.relu ? ' relu' : ''}`,
    operands: { x: read(), w: read(), b: read(), ...finish?.operands, y: write('vec4f') },
    numbers: { strips: 'u32' },
    threads: THREADS,
    // Weights by tap, so that neighbouring threads read neighbouring words.
    declarations: `${NAMES(layer)}
${finish?.declarations ?? ''}
var<workgroup> taps: array<f32, ${(TAPS + 1) * channels}>;`,
    body: `
  let k0 = group.z * ${channels}u;
  for (var i = thread; i < ${(TAPS + 1) * channels}u; i += ${THREADS}u) {
    let k = min(k0 + i % ${channels}u, ${layer.K - 1}u);
    let tap = i / ${channels}u;
    if (tap < ${TAPS}u) { taps[i] = w(k * ${TAPS}u + tap); } else { taps[i] = b(k); }
  }
  workgroupBarrier();
  let strip = ${GROUP_INDEX} * ${THREADS / across(layer)}u + thread / LANES;
  let lane = thread % LANES;
  let k4 = group.z * LANES + lane;
  if (strip >= p.strips || k4 >= K4) { return; }
  let band = i32(strip / STRIPS);
  let column = i32(strip % STRIPS) * ${STRIP};
  ${Array.from({ length: TAPS + 1 }, (_, tap) => {
    const at = `${tap * channels}u + lane * 4u`;
    const name = tap < TAPS ? `w${tap}` : 'four';
    return `let ${name} = vec4f(taps[${at}], taps[${at} + 1u], taps[${at} + 2u], taps[${at} + 3u]);`;
  }).join('\n  ')}
  ${NEIGHBOURHOOD}
  let at = u32(band * W + column) * K4 + k4;
  ${outputs.join('\n  ')}`,
  };
}

/**
 * Parts of the weights' and the bias' gradients: parts [groups, 10, K], nine taps and the bias. Grid:
 * groups of strips, 1, blocks of channels.
 */
export function firstGradientShader(layer: FirstLayer): Shader {
  const lanes = across(layer);
  const down = THREADS / lanes;
  const additions = Array.from({ length: STRIP }, (_, s) => {
    const sums = Array.from({ length: TAPS }, (_, tap) => {
      const value = `vec4f(n${Math.floor(tap / 3)}_${s + (tap % 3)})`;
      return `s${tap} = fma(${value}, g, s${tap});`;
    }).join(' ');
    const inside = `select(vec4f(), dy(at + u32(min(${s}, W - 1 - column)) * K4), column + ${s} < W)`;
    return `{ let g = ${inside}; ${sums} s${TAPS} += g; }`;
  });
  return {
    name: `conv.first.dw ${layer.H}x${layer.W} to ${layer.K}`,
    operands: { x: read(), dy: read('vec4f'), parts: write('vec4f') },
    numbers: { strips: 'u32', block: 'u32' },
    threads: THREADS,
    declarations: `${NAMES(layer)}
var<workgroup> shares: array<vec4f, ${THREADS}>;`,
    body: `
  let lane = thread % LANES;
  let k4 = group.z * LANES + lane;
  let real = k4 < K4;
  ${Array.from({ length: TAPS + 1 }, (_, tap) => `var s${tap} = vec4f();`).join(' ')}
  let end = min((group.x + 1u) * p.block, p.strips);
  for (var strip = group.x * p.block + thread / LANES; strip < end && real; strip += ${down}u) {
    let band = i32(strip / STRIPS);
    let column = i32(strip % STRIPS) * ${STRIP};
    ${NEIGHBOURHOOD}
    let at = u32(band * W + column) * K4 + k4;
    ${additions.join('\n    ')}
  }
  // One tap after the other: a workgroup's memory has no room for all at once.
  for (var tap = 0u; tap < ${TAPS + 1}u; tap++) {
    var mine = s0;
    ${Array.from({ length: TAPS }, (_, i) => `mine = select(mine, s${i + 1}, tap == ${i + 1}u);`).join(' ')}
    workgroupBarrier();
    shares[thread] = mine;
    for (var half = ${down / 2}u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (thread / LANES < half) { shares[thread] += shares[thread + half * LANES]; }
    }
    if (thread < LANES && real) { set_parts((group.x * ${TAPS + 1}u + tap) * K4 + k4, shares[thread]); }
  }`,
  };
}

/** dw [K, 9] or db [K] from the parts. Grid: K·9 or K threads. */
export function firstGradientSumShader(K: number, of: 'weights' | 'bias'): Shader {
  const [count, at] =
    of === 'weights' ? [K * TAPS, `i % ${TAPS}u * ${K}u + i / ${TAPS}u`] : [K, `${TAPS * K}u + i`];
  return {
    name: `conv.first.dw.sum ${K} ${of}`,
    operands: { parts: read(), sums: write() },
    numbers: { groups: 'u32' },
    threads: 64,
    body: `
  let i = ${GROUP_INDEX} * 64u + thread;
  if (i >= ${count}u) { return; }
  var sum = 0.0;
  for (var part = 0u; part < p.groups; part++) { sum += parts(part * ${(TAPS + 1) * K}u + ${at}); }
  set_sums(i, sum);`,
  };
}

/** dx [N, H, W, 1]: a thread takes a pixel. Only saliency maps ask for it. */
export function firstInputGradientShader({ H, W, K }: FirstLayer): Shader {
  return {
    name: `conv.first.dx ${H}x${W} from ${K}`,
    operands: { dy: read('vec4f'), w: read(), dx: write() },
    numbers: { count: 'u32' },
    threads: THREADS,
    body: `
  let i = ${GROUP_INDEX} * ${THREADS}u + thread;
  if (i >= p.count) { return; }
  let column = i32(i % ${W}u);
  let down = i32(i / ${W}u % ${H}u);
  var sum = 0.0;
  for (var r = -1; r <= 1; r++) {
    for (var s = -1; s <= 1; s++) {
      // A pixel serves the outputs that lie the other way.
      let y = down - r;
      let x = column - s;
      if (y < 0 || y >= ${H} || x < 0 || x >= ${W}) { continue; }
      let at = u32(i32(i) - r * ${W} - s) * ${K / 4}u;
      let tap = u32((r + 1) * 3 + s + 1);
      for (var k4 = 0u; k4 < ${K / 4}u; k4++) {
        let k = k4 * 4u;
        let weights = vec4f(w(k * 9u + tap), w((k + 1u) * 9u + tap), w((k + 2u) * 9u + tap), w((k + 3u) * 9u + tap));
        sum += dot(dy(at + k4), weights);
      }
    }
  }
  set_dx(i, sum);`,
  };
}
