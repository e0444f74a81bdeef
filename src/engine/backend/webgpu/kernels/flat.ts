import { sizeOf, type Tensor } from '../../../tensor.ts';
import { type DispatchList, GROUP_INDEX, row } from '../dispatches.ts';
import { type OperandSpec, type Shader, THREADS } from '../shader.ts';

/** Elements a thread takes of a flat array. */
export type Lanes = 1 | 4;

export interface FlatSpec {
  readonly name: string;
  /** Operands read and written at the thread's own place, as `T`: a number, or four of them. */
  readonly flat: Readonly<Record<string, OperandSpec['access']>>;
  /** Operands of one value a channel, read as `T` too: the channels are what lies side by side. */
  readonly channels?: Readonly<Record<string, 'read'>>;
  /** Others, read as they are. */
  readonly operands?: Shader['operands'];
  readonly numbers?: Shader['numbers'];
  readonly declarations?: string | ((lanes: Lanes) => string);
  /** For element (or four) `i` of the arrays. */
  readonly body: string | ((lanes: Lanes) => string);
}

/** A kernel with a thread for every element, or every four, of arrays of one length. */
export function flatShader(spec: FlatSpec, lanes: Lanes): Shader {
  const { name, flat, channels, operands, numbers, declarations, body } = spec;
  const element = lanes === 4 ? 'vec4f' : 'f32';
  const inLanes = Object.entries({ ...flat, ...channels });
  return {
    name: `${name} x${lanes}`,
    operands: {
      ...Object.fromEntries(inLanes.map(([key, access]) => [key, { access, element } as const])),
      ...operands,
    },
    numbers: { count: 'u32', ...numbers },
    threads: THREADS,
    declarations: `alias T = ${element};\n${typeof declarations === 'function' ? declarations(lanes) : (declarations ?? '')}`,
    body: `
  let i = ${GROUP_INDEX} * ${THREADS}u + thread;
  if (i >= p.count) { return; }
  ${typeof body === 'string' ? body : body(lanes)}`,
  };
}

/** Four where every tensor can be read in fours, and every side given is a multiple of four. */
export function lanesOf(...of: readonly (Tensor | number)[]): Lanes {
  const inFours = (each: Tensor | number): boolean =>
    typeof each === 'number' ? each % 4 === 0 : each.offset % 4 === 0 && sizeOf(each.shape) % 4 === 0;
  return of.every(inFours) ? 4 : 1;
}

/** Launches a flat kernel over the length of its flat operands. */
export function pushFlat(
  list: DispatchList,
  spec: FlatSpec,
  operands: Readonly<Record<string, Tensor>>,
  numbers: Readonly<Record<string, number>> = {},
): void {
  const [first] = Object.keys(spec.flat);
  const lanes = lanesOf(...Object.keys({ ...spec.flat, ...spec.channels }).map((name) => operands[name]));
  const count = sizeOf(operands[first].shape) / lanes;
  list.push(flatShader(spec, lanes), row(Math.ceil(count / THREADS)), operands, { count, ...numbers });
}
