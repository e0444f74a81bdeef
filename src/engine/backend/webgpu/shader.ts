import type { DType } from '../../tensor.ts';

/** How WGSL sees the elements of an operand; `f32x2` is how an f64 tensor is kept, `u8` reads one byte. */
export type Element = 'f32' | 'vec4f' | 'f32x2' | 'i32' | 'u32' | 'u8';

export interface OperandSpec {
  readonly access: 'read' | 'write' | 'update';
  readonly element: Element;
  /** What is written is multiplied by it, and what is updated divided before. */
  readonly scale?: number;
}

export const read = (element: Element = 'f32'): OperandSpec => ({ access: 'read', element });
export const write = (element: Element = 'f32'): OperandSpec => ({ access: 'write', element });
export const update = (element: Element = 'f32'): OperandSpec => ({ access: 'update', element });

/**
 * A kernel in one variant: WGSL that knows its operands by name. For an operand `x` the code may call
 * `x(i)`, and `set_x(i, value)` where it is written; a number `n` it is called with is `p.n`. In scope are
 * also `thread`, the index within the workgroup, and `group`, the workgroup's coordinates.
 */
export interface Shader {
  /** For profiles, errors and the list of kernels: the kernel, then what sets this variant apart. */
  readonly name: string;
  readonly operands: Readonly<Record<string, OperandSpec>>;
  /** Numbers that differ from dispatch to dispatch. */
  readonly numbers: Readonly<Record<string, 'u32' | 'f32'>>;
  /** Threads of a workgroup. */
  readonly threads: number;
  /** What it does with the threads of a subgroup; then `subgroup` is in scope, its number in the workgroup. */
  readonly subgroups?: 'sums' | 'matrices';
  /** Module-scope declarations: functions, workgroup memory. */
  readonly declarations?: string;
  /** The body of the entry point. */
  readonly body: string;
}

/** Threads of a workgroup wherever nothing speaks for another number. */
export const THREADS = 256;

/** Bytes of an element in a GPU buffer, by its type there. */
const TYPES: Readonly<Record<Element, { readonly wgsl: string; readonly bytes: number }>> = {
  f32: { wgsl: 'f32', bytes: 4 },
  vec4f: { wgsl: 'vec4f', bytes: 16 },
  f32x2: { wgsl: 'vec2f', bytes: 8 },
  i32: { wgsl: 'i32', bytes: 4 },
  u32: { wgsl: 'u32', bytes: 4 },
  u8: { wgsl: 'u32', bytes: 1 },
};

/** Elements that 16-bit floats can be stored as; kernels compute with them in 32 bits. */
const HALF_TYPES: Partial<Readonly<Record<Element, string>>> = { f32: 'f16', vec4f: 'vec4<f16>' };
/**
 * WGSL that rounds to 16 bits. What is too large for them is stored as the largest number there is, so that one value out of
 * range does no harm; what is infinite or a NaN stays visible. Bits are looked at as in `kernels/finite.ts`.
 */
const ROUNDING = [
  { element: 'f32', half: 'f16', words: 'u32' },
  { element: 'vec4f', half: 'vec4<f16>', words: 'vec4u' },
].map(
  ({ element, half, words }) => `fn half_${element}(value: ${element}) -> ${half} {
  let isFinite = (bitcast<${words}>(value) & ${words}(0x7f800000u)) != ${words}(0x7f800000u);
  return ${half}(select(value, clamp(value, ${element}(-65504.0), ${element}(65504.0)), isFinite));
}`,
);

/** The unit in which an operand's offset is counted. */
export function bytesOfElement(element: Element, dtype: DType): number {
  return dtype === 'f16' ? TYPES[element].bytes / 2 : TYPES[element].bytes;
}

function storedType(name: string, element: Element, half: boolean): string {
  const type = half ? HALF_TYPES[element] : TYPES[element].wgsl;
  if (type === undefined) throw new Error(`${name} cannot be ${element} in 16 bits`);
  return type;
}

/**
 * The whole module of a shader.
 *
 * @param sharing for each operand the number of its binding: WebGPU forbids a buffer that is written to be
 *   bound twice, so operands in one buffer share a binding
 * @param halves the operands that are stored as 16-bit floats
 */
export function moduleOf(
  shader: Shader,
  sharing: ReadonlyMap<string, number>,
  halves: ReadonlySet<string> = new Set(),
): string {
  const operands = Object.entries(shader.operands);
  const numbers = Object.entries(shader.numbers);
  const fields = [
    ...operands.map(([name]) => `${name}_at: u32`),
    ...numbers.map(([name, type]) => `${name}: ${type}`),
  ];
  const bindings = new Map<number, { type: string; written: boolean }>();
  for (const [name, { access, element }] of operands) {
    const type = storedType(name, element, halves.has(name));
    const binding = bindingOf(name, sharing);
    const there = bindings.get(binding);
    if (there && there.type !== type) {
      throw new Error(`${shader.name}: operands of one buffer are read as ${there.type} and ${type}`);
    }
    bindings.set(binding, { type, written: access !== 'read' || (there?.written ?? false) });
  }
  const subgroup = shader.subgroups ? ', @builtin(subgroup_id) subgroup: u32' : '';
  const lines = [
    `// ${shader.name}`,
    ...(halves.size > 0 || shader.subgroups === 'matrices' ? ['enable f16;'] : []),
    ...(shader.subgroups ? ['enable subgroups;'] : []),
    ...(shader.subgroups === 'matrices' ? ['enable chromium_experimental_subgroup_matrix;'] : []),
    `struct Numbers { ${fields.join(', ')} }`,
    '@group(0) @binding(0) var<uniform> p: Numbers;',
    ...[...bindings].map(
      ([binding, { type, written }]) =>
        `@group(0) @binding(${binding}) var<storage, ${written ? 'read_write' : 'read'}> b${binding}: array<${type}>;`,
    ),
    ...(halves.size > 0 ? ROUNDING : []),
    ...operands.map(([name, spec]) => accessors(name, spec, bindingOf(name, sharing), halves.has(name))),
    shader.declarations ?? '',
    `@compute @workgroup_size(${shader.threads}) fn main(@builtin(workgroup_id) group: vec3u,`,
    `  @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32${subgroup}) {`,
    shader.body,
    '}',
  ];
  return lines.join('\n');
}

/** Which bindings of a shader are written, by number; what a bind group layout is made of. */
export function writtenBindings(shader: Shader, sharing: ReadonlyMap<string, number>): Map<number, boolean> {
  const written = new Map<number, boolean>();
  for (const [name, { access }] of Object.entries(shader.operands)) {
    const binding = bindingOf(name, sharing);
    written.set(binding, access !== 'read' || (written.get(binding) ?? false));
  }
  return written;
}

function bindingOf(name: string, sharing: ReadonlyMap<string, number>): number {
  const binding = sharing.get(name);
  if (binding === undefined) throw new Error(`no binding for ${name}`);
  return binding;
}

function accessors(
  name: string,
  { access, element, scale = 1 }: OperandSpec,
  binding: number,
  half: boolean,
): string {
  const { wgsl } = TYPES[element];
  if (element === 'u8') {
    // Bytes lie four to a word, the first lowest.
    return `fn ${name}(i: u32) -> u32 { let at = p.${name}_at + i; return (b${binding}[at >> 2u] >> (8u * (at & 3u))) & 255u; }`;
  }
  const place = `b${binding}[p.${name}_at + i]`;
  const there = half ? `${wgsl}(${place})` : place;
  const scaled = scale === 1 ? 'value' : `(value * ${wgsl}(${float(scale)}))`;
  const stored = half ? `half_${element}(${scaled})` : scaled;
  // Only what the kernel itself has scaled is taken back: a reader is given what is stored.
  const back = scale === 1 || access !== 'update' ? '' : ` * ${wgsl}(${float(1 / scale)})`;
  const get = `fn ${name}(i: u32) -> ${wgsl} { return ${there}${back}; }`;
  const set = `fn set_${name}(i: u32, value: ${wgsl}) { ${place} = ${stored}; }`;
  return access === 'read' ? get : access === 'write' ? set : `${get}\n${set}`;
}

/** A number as a literal of WGSL's abstract floats. */
function float(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
