import { GROUP_INDEX } from '../dispatches.ts';
import { read, type Shader, THREADS, write } from '../shader.ts';

/**
 * Convolutions by the definition, for any number of channels: a thread for each value written. Slow; the
 * other kernels are compared with them, and odd numbers of channels have nothing else.
 */
interface Channels {
  readonly H: number;
  readonly W: number;
  readonly C: number;
  readonly K: number;
}

/** Over the nine taps whose pixel at (y + sign·r, x + sign·s) lies in the image; `at` is that pixel. */
const overTaps = ({ H, W }: Channels, sign: 1 | -1, inner: string): string => `
  for (var r = -1; r <= 1; r++) {
    for (var s = -1; s <= 1; s++) {
      let down = i32(pixel / ${W}u % ${H}u) ${sign === 1 ? '+' : '-'} r;
      let column = i32(pixel % ${W}u) ${sign === 1 ? '+' : '-'} s;
      if (down < 0 || down >= ${H} || column < 0 || column >= ${W}) { continue; }
      let at = u32(i32(pixel) ${sign === 1 ? '+' : '-'} (r * ${W} + s));
      let tap = u32((r + 1) * 3 + s + 1);
      ${inner}
    }
  }`;

/** y [N, H, W, K]. */
export function directShader(channels: Channels): Shader {
  const { H, W, C, K } = channels;
  return {
    name: `conv.direct ${H}x${W} ${C} to ${K}`,
    operands: { x: read(), w: read(), b: read(), y: write() },
    numbers: { count: 'u32' },
    threads: THREADS,
    body: `
  let i = ${GROUP_INDEX} * ${THREADS}u + thread;
  if (i >= p.count) { return; }
  let k = i % ${K}u;
  let pixel = i / ${K}u;
  var sum = 0.0;
  ${overTaps(
    channels,
    1,
    `for (var c = 0u; c < ${C}u; c++) { sum = fma(x(at * ${C}u + c), w((k * ${C}u + c) * 9u + tap), sum); }`,
  )}
  set_y(i, sum + b(k));`,
  };
}

/** dx [N, H, W, C]. */
export function directInputGradientShader(channels: Channels): Shader {
  const { H, W, C, K } = channels;
  return {
    name: `conv.direct.dx ${H}x${W} ${C} to ${K}`,
    operands: { dy: read(), w: read(), dx: write() },
    numbers: { count: 'u32' },
    threads: THREADS,
    body: `
  let i = ${GROUP_INDEX} * ${THREADS}u + thread;
  if (i >= p.count) { return; }
  let c = i % ${C}u;
  let pixel = i / ${C}u;
  var sum = 0.0;
  ${overTaps(
    channels,
    -1,
    `for (var k = 0u; k < ${K}u; k++) { sum = fma(dy(at * ${K}u + k), w((k * ${C}u + c) * 9u + tap), sum); }`,
  )}
  set_dx(i, sum);`,
  };
}

/** Parts of dw, one for each image: parts [N, K, C, 3, 3]. A thread takes a weight and an image. */
export function directGradientShader({ H, W, C, K }: Channels): Shader {
  return {
    name: `conv.direct.dw ${H}x${W} ${C} to ${K}`,
    operands: { x: read(), dy: read(), parts: write() },
    numbers: { count: 'u32' },
    threads: THREADS,
    body: `
  let i = ${GROUP_INDEX} * ${THREADS}u + thread;
  if (i >= p.count) { return; }
  let tap = i % 9u;
  let c = i / 9u % ${C}u;
  let k = i / ${9 * C}u % ${K}u;
  let image = i / ${9 * C * K}u;
  let r = i32(tap / 3u) - 1;
  let s = i32(tap % 3u) - 1;
  var sum = 0.0;
  for (var y = max(0, -r); y < min(${H}, ${H} - r); y++) {
    for (var column = max(0, -s); column < min(${W}, ${W} - s); column++) {
      let pixel = i32(image) * ${H * W} + y * ${W} + column;
      sum = fma(x(u32(pixel + r * ${W} + s) * ${C}u + c), dy(u32(pixel) * ${K}u + k), sum);
    }
  }
  set_parts(i, sum);`,
  };
}
