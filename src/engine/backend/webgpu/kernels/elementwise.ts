import { MIXTURE, STEP } from '../../../kernels.ts';
import { GROUP_INDEX } from '../dispatches.ts';
import { read, type Shader, THREADS, write } from '../shader.ts';
import { rectified } from './finite.ts';
import type { FlatSpec } from './flat.ts';
import { RANDOM } from './random.ts';

export const RELU: FlatSpec = {
  name: 'relu',
  flat: { x: 'read', y: 'write' },
  declarations: rectified,
  body: 'set_y(i, rectified(x(i)));',
};

export const RELU_GRADIENT: FlatSpec = {
  name: 'relu.dx',
  flat: { y: 'read', dy: 'read', dx: 'write' },
  body: 'set_dx(i, select(T(0), dy(i), y(i) > T(0)));',
};

export const ADD: FlatSpec = {
  name: 'add',
  flat: { a: 'read', b: 'read', y: 'write' },
  body: 'set_y(i, a(i) + b(i));',
};

/** Both directions multiply by the same mask, drawn element by element. */
export const DROPOUT: FlatSpec = {
  name: 'dropout',
  flat: { x: 'read', y: 'write' },
  operands: { step: read('i32') },
  numbers: { threshold: 'u32', scale: 'f32', layer: 'u32' },
  declarations: `${RANDOM}
fn kept(key: u32, counter: u32) -> bool { return randomBits(key, counter) >= p.threshold; }`,
  body: (lanes) => `
  var key = extendKey(EMPTY_KEY, bitcast<u32>(step(${STEP.seed}u)));
  key = extendKey(key, STREAM_DROPOUT);
  key = extendKey(key, bitcast<u32>(step(${STEP.step}u)));
  key = extendKey(key, p.layer);
  let keep = ${
    lanes === 1
      ? 'kept(key, i)'
      : `vec4<bool>(${[0, 1, 2, 3].map((lane) => `kept(key, 4u * i + ${lane}u)`).join(', ')})`
  };
  set_y(i, select(T(0), x(i) * p.scale, keep));`,
};

/** Images [N, P, C] of P pixels to features [N, C, P], or back: a thread for each value written. */
export function flattenShader({ P, C, back }: { P: number; C: number; back: boolean }): Shader {
  return {
    name: `${back ? 'flatten.dx' : 'flatten'} P${P} C${C}`,
    operands: { x: read(), y: write() },
    numbers: { count: 'u32' },
    threads: THREADS,
    body: `
  let i = ${GROUP_INDEX} * ${THREADS}u + thread;
  if (i >= p.count) { return; }
  const P = ${P}u;
  const C = ${C}u;
  let image = i / (P * C);
  ${
    back
      ? 'let at = (image * C + i % C) * P + (i / C) % P;'
      : 'let at = (image * P + i % P) * C + (i / P) % C;'
  }
  set_y(i, x(at));`,
  };
}

/** Mixup outside the box, CutMix inside: see `mix` in `kernels.ts`. */
export function mixShader({ H, W, C }: { H: number; W: number; C: number }): Shader {
  return {
    name: `mix ${H}x${W}x${C}`,
    operands: { x: read(), mixture: read(), y: write() },
    numbers: { count: 'u32', samples: 'u32' },
    threads: THREADS,
    body: `
  let i = ${GROUP_INDEX} * ${THREADS}u + thread;
  if (i >= p.count) { return; }
  const IMAGE = ${H * W * C}u;
  let column = f32((i / ${C}u) % ${W}u);
  let rowAt = f32((i / ${C * W}u) % ${H}u);
  let left = mixture(${MIXTURE.left}u);
  let top = mixture(${MIXTURE.top}u);
  let boxed = column >= left && column < left + mixture(${MIXTURE.width}u)
    && rowAt >= top && rowAt < top + mixture(${MIXTURE.height}u);
  let share = select(mixture(${MIXTURE.share}u), 1.0, boxed);
  let partner = x((p.samples - 1u - i / IMAGE) * IMAGE + i % IMAGE);
  set_y(i, (1.0 - share) * x(i) + share * partner);`,
  };
}
