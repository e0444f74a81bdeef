/** How WGSL sees the elements of an operand; `f32x2` is how an f64 tensor is kept, `u8` reads one byte. */
export type Element = 'f32' | 'vec4f' | 'f32x2' | 'i32' | 'u32' | 'u8';

export interface OperandSpec {
  readonly access: 'read' | 'write' | 'update';
  readonly element: Element;
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

/** The unit in which an operand's offset is counted. */
export function bytesOfElement(element: Element): number {
  return TYPES[element].bytes;
}

/**
 * The whole module of a shader.
 *
 * @param sharing for each operand the number of its binding: WebGPU forbids a buffer that is written to be
 *   bound twice, so operands in one buffer share a binding
 */
export function moduleOf(shader: Shader, sharing: ReadonlyMap<string, number>): string {
  const operands = Object.entries(shader.operands);
  const numbers = Object.entries(shader.numbers);
  const fields = [
    ...operands.map(([name]) => `${name}_at: u32`),
    ...numbers.map(([name, type]) => `${name}: ${type}`),
  ];
  const bindings = new Map<number, { type: string; written: boolean }>();
  for (const [name, { access, element }] of operands) {
    const type = TYPES[element].wgsl;
    const binding = bindingOf(name, sharing);
    const there = bindings.get(binding);
    if (there && there.type !== type) {
      throw new Error(`${shader.name}: operands of one buffer are read as ${there.type} and ${type}`);
    }
    bindings.set(binding, { type, written: access !== 'read' || (there?.written ?? false) });
  }
  const lines = [
    `// ${shader.name}`,
    `struct Numbers { ${fields.join(', ')} }`,
    '@group(0) @binding(0) var<uniform> p: Numbers;',
    ...[...bindings].map(
      ([binding, { type, written }]) =>
        `@group(0) @binding(${binding}) var<storage, ${written ? 'read_write' : 'read'}> b${binding}: array<${type}>;`,
    ),
    ...operands.map(([name, spec]) => accessors(name, spec, bindingOf(name, sharing))),
    shader.declarations ?? '',
    `@compute @workgroup_size(${shader.threads}) fn main(@builtin(workgroup_id) group: vec3u,`,
    '  @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) thread: u32) {',
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

function accessors(name: string, { access, element }: OperandSpec, binding: number): string {
  const { wgsl } = TYPES[element];
  if (element === 'u8') {
    // Bytes lie four to a word, the first lowest.
    return `fn ${name}(i: u32) -> u32 { let at = p.${name}_at + i; return (b${binding}[at >> 2u] >> (8u * (at & 3u))) & 255u; }`;
  }
  const get = `fn ${name}(i: u32) -> ${wgsl} { return b${binding}[p.${name}_at + i]; }`;
  const set = `fn set_${name}(i: u32, value: ${wgsl}) { b${binding}[p.${name}_at + i] = value; }`;
  return access === 'read' ? get : access === 'write' ? set : `${get}\n${set}`;
}
