import { GROUP_INDEX } from '../dispatches.ts';
import { read, type Shader, THREADS, write } from '../shader.ts';
import { larger } from './finite.ts';

interface Geometry {
  readonly H: number;
  readonly W: number;
  readonly C: number;
  readonly lanes: 1 | 4;
}

const aliases = ({ H, W, C, lanes }: Geometry): string => `
alias T = ${lanes === 4 ? 'vec4f' : 'f32'};
const H = ${H}u;
const W = ${W}u;
const C = ${C / lanes}u;`;

/** Largest of each window of 2x2 pixels; a NaN wins over everything, as in `Math.max`. */
export function poolShader(geometry: Geometry): Shader {
  const { H, W, C, lanes } = geometry;
  const element = lanes === 4 ? 'vec4f' : 'f32';
  return {
    name: `pool ${H}x${W}x${C} x${lanes}`,
    operands: { x: read(element), y: write(element) },
    numbers: { count: 'u32' },
    threads: THREADS,
    declarations: `${aliases(geometry)}
${larger(lanes)}`,
    body: `
  let i = ${GROUP_INDEX} * ${THREADS}u + thread;
  if (i >= p.count) { return; }
  let column = (i / C) % (W / 2u);
  let band = i / (C * (W / 2u));
  let at = ((band / (H / 2u) * H + band % (H / 2u) * 2u) * W + column * 2u) * C + i % C;
  set_y(i, larger(larger(x(at), x(at + C)), larger(x(at + W * C), x(at + W * C + C))));`,
  };
}

/** The gradient goes to the first pixel of a window that has the largest value; the rest gets 0. */
export function poolGradientShader(geometry: Geometry): Shader {
  const { H, W, C, lanes } = geometry;
  const element = lanes === 4 ? 'vec4f' : 'f32';
  const odd = H % 2 === 1 || W % 2 === 1;
  return {
    name: `pool.dx ${H}x${W}x${C} x${lanes}`,
    operands: { x: read(element), dy: read(element), dx: write(element) },
    numbers: { count: 'u32' },
    threads: THREADS,
    declarations: aliases(geometry),
    // Windows that reach over the border cover a last odd row or column, which gets no gradient.
    body: `
  const ROWS = (H + 1u) / 2u;
  const COLUMNS = (W + 1u) / 2u;
  let i = ${GROUP_INDEX} * ${THREADS}u + thread;
  if (i >= p.count) { return; }
  let c = i % C;
  let column = (i / C) % COLUMNS;
  let band = i / (C * COLUMNS);
  let down = band % ROWS;
  let image = band / ROWS;
  let at = ((image * H + down * 2u) * W + column * 2u) * C + c;
  ${
    odd
      ? `if (column * 2u + 1u >= W || down * 2u + 1u >= H) {
    set_dx(at, T(0));
    if (column * 2u + 1u < W) { set_dx(at + C, T(0)); }
    if (down * 2u + 1u < H) { set_dx(at + W * C, T(0)); }
    return;
  }`
      : ''
  }
  let g = dy(((image * (H / 2u) + down) * (W / 2u) + column) * C + c);
  let x0 = x(at);
  let x1 = x(at + C);
  let x2 = x(at + W * C);
  let x3 = x(at + W * C + C);
  let most = max(max(x0, x1), max(x2, x3));
  let is0 = x0 == most;
  let is1 = !is0 & (x1 == most);
  let is2 = !is0 & !is1 & (x2 == most);
  let is3 = !is0 & !is1 & !is2 & (x3 == most);
  set_dx(at, select(T(0), g, is0));
  set_dx(at + C, select(T(0), g, is1));
  set_dx(at + W * C, select(T(0), g, is2));
  set_dx(at + W * C + C, select(T(0), g, is3));`,
  };
}
