import { read, type Shader, write } from '../shader.ts';

/** Rows and columns of a workgroup's block, and threads among which a sum is cut. */
export const DOT = { rows: 4, columns: 4, threads: 64 } as const;

/**
 * y [N, O] = x [N, I]·wᵀ + b for few rows or few columns, where tiles would leave most of the GPU idle:
 * each sum is cut among the threads of a workgroup. Grid: blocks of O, blocks of N.
 *
 * @param subgroup threads that add up their parts among themselves; null where each hands in its own
 */
export function dotShader(lanes: 1 | 4, subgroup: number | null): Shader {
  const element = lanes === 4 ? 'vec4f' : 'f32';
  const { rows, columns, threads } = DOT;
  const each = (line: (r: number, c: number) => string): string =>
    Array.from({ length: rows * columns }, (_, i) => line(Math.floor(i / columns), i % columns)).join(
      '\n    ',
    );
  /** Parts of a sum that go through workgroup memory, and which of them a thread has. */
  const shares = subgroup ? threads / subgroup : threads;
  const share = subgroup ? 'subgroup' : 'thread';
  const hands = subgroup ? `if (thread % ${subgroup}u == 0u) ` : '';
  const product = (r: number, c: number): string => (lanes === 4 ? `dot(x${r}, w${c})` : `x${r} * w${c}`);
  return {
    name: `dot x${lanes}${subgroup ? ' subgroups' : ''}`,
    operands: { x: read(element), w: read(element), b: read(), y: write() },
    numbers: { N: 'u32', O: 'u32', depth: 'u32' },
    threads,
    ...(subgroup ? { subgroups: 'sums' } : {}),
    declarations: `var<workgroup> shares: array<f32, ${shares * rows * columns}>;`,
    body: `
  let n0 = group.y * ${rows}u;
  let o0 = group.x * ${columns}u;
  ${each((r, c) => `var s${r}${c} = 0.0;`)}
  for (var i = thread; i < p.depth; i += ${threads}u) {
    ${Array.from({ length: rows }, (_, r) => `let x${r} = x(min(n0 + ${r}u, p.N - 1u) * p.depth + i);`).join('\n    ')}
    ${Array.from({ length: columns }, (_, c) => `let w${c} = w(min(o0 + ${c}u, p.O - 1u) * p.depth + i);`).join('\n    ')}
    ${each((r, c) => `s${r}${c} += ${product(r, c)};`)}
  }
  ${subgroup ? each((r, c) => `s${r}${c} = subgroupAdd(s${r}${c});`) : ''}
  ${hands}{
    ${each((r, c) => `shares[${(r * columns + c) * shares}u + ${share}] = s${r}${c};`)}
  }
  workgroupBarrier();
  // A thread for each sum adds the shares in order.
  let r = thread / ${columns}u;
  let c = thread % ${columns}u;
  if (r < ${rows}u && n0 + r < p.N && o0 + c < p.O) {
    var sum = 0.0;
    for (var i = 0u; i < ${shares}u; i++) { sum += shares[thread * ${shares}u + i]; }
    set_y((n0 + r) * p.O + o0 + c, sum + b(o0 + c));
  }`,
  };
}
