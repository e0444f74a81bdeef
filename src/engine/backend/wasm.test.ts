import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildsHere, type Candidate, closeBackends, openBackends } from '../../../test/backends.ts';
import { randomValues } from '../../../test/check-ops.ts';
import { FerError } from '../../errors.ts';
import { call } from '../kernels.ts';
import { type Tensor, tensor, view } from '../tensor.ts';
import { ReferenceBackend } from './reference.ts';
import { WasmBackend } from './wasm.ts';

const fixed = (name: string, shape: readonly number[]): Tensor => tensor(name, shape, 'f32', 'persistent');
const add = (a: Tensor, b: Tensor, y: Tensor) => call('add', { a, b, y });

describe('the wasm backend', () => {
  let candidates: Candidate[] = [];
  beforeAll(async () => {
    candidates = await openBackends();
  });
  afterAll(() => closeBackends(candidates));
  const each = async (use: (backend: WasmBackend) => Promise<void>): Promise<void> => {
    for (const { backend } of candidates) await use(backend as WasmBackend);
  };

  it('is here in every build with one, two and three threads', async () => {
    const builds = await buildsHere();
    expect(builds).toContain('simd');
    const present = candidates.map(({ backend }) => [(backend as WasmBackend).build, backend.threads]);
    expect(present).toEqual(builds.flatMap((build) => [1, 2, 3].map((threads) => [build, threads])));
    await each(async (backend) => {
      const instructions = backend.build === 'simd' ? 'SIMD' : 'relaxed SIMD';
      const threads = backend.threads === 1 ? '1 thread' : `${backend.threads} threads`;
      expect(backend.describe()).toBe(`CPU, WebAssembly ${instructions}, ${threads}`);
    });
  });

  it('keeps persistent values, and shares them among programs', () =>
    each(async (backend) => {
      const [a, b] = [fixed('a', [5]), fixed('b', [5])];
      expect([...(await backend.read(a))]).toEqual([0, 0, 0, 0, 0]);
      backend.write(a, [1, 2, 3, 4, 5]);
      backend.run(backend.compile([add(a, a, b)]));
      backend.run(backend.compile([add(b, b, a)]));
      expect([...(await backend.read(a))]).toEqual([4, 8, 12, 16, 20]);
      (await backend.read(a))[0] = 100;
      expect((await backend.read(view(a, 0, [2])))[0]).toBe(4);
      backend.write(view(a, 3, [2]), [7]);
      expect([...(await backend.read(a))]).toEqual([4, 8, 12, 7, 20]);
    }));

  it('holds every type', () =>
    each(async (backend) => {
      for (const [dtype, values] of [
        ['f32', new Float32Array([0.1, -2])],
        ['f64', new Float64Array([0.1, 1e300])],
        ['i32', new Int32Array([-1, 2 ** 31 - 1])],
        ['u8', new Uint8Array([0, 255])],
      ] as const) {
        const of = tensor(dtype, [2], dtype, 'persistent');
        backend.write(of, values);
        expect(await backend.read(of)).toEqual(values);
      }
    }));

  it('gives transient tensors places that do not disturb each other, kept ones to the end', () =>
    each(async (backend) => {
      const length = 20000;
      const input = fixed('input', [length]);
      backend.write(input, randomValues(length, 1));
      const steps = Array.from({ length: 12 }, (_, i) => tensor(`step${i}`, [length]));
      const calls = steps.map((to, i) =>
        add(i === 0 ? input : steps[i - 1], i < 2 ? input : steps[i - 2], to),
      );
      const keep = [steps[3], steps[11]];
      const program = backend.compile(calls, keep);
      // A larger program, placed later, moves the arena for itself only.
      backend.run(program);
      const other = fixed('other', [3 * length]);
      const large = tensor('large', [3 * length]);
      const second = backend.compile([add(other, other, large)], [large]);
      backend.run(second);
      backend.run(program);
      const reference = new ReferenceBackend();
      reference.write(input, randomValues(length, 1));
      const exact = reference.compile(calls);
      reference.run(exact);
      for (const kept of keep) {
        const [actual, expected] = [await backend.read(kept, program), await reference.read(kept, exact)];
        expect(actual.every((value, i) => Math.abs(value - expected[i]) < 1e-4)).toBe(true);
      }
    }));

  it('runs many short programs without losing a thread', () =>
    each(async (backend) => {
      const [a, one] = [fixed('a', [1]), fixed('one', [1])];
      backend.write(one, [1]);
      const program = backend.compile([add(a, one, a), add(a, one, a)]);
      for (let i = 0; i < 2000; i++) backend.run(program);
      expect((await backend.read(a))[0]).toBe(4000);
    }));

  it('profiles every entry', () =>
    each(async (backend) => {
      const [x, w, b, y] = [fixed('x', [2, 8]), fixed('w', [4, 8]), fixed('b', [4]), tensor('y', [2, 4])];
      const rows = backend.profile(backend.compile([call('linear.forward', { x, w, b, y }), add(y, y, y)]));
      expect(rows.map(({ kernel, multiplications }) => [kernel, multiplications])).toEqual([
        ['linear.stream', 64],
        ['add', 0],
      ]);
      for (const { seconds } of rows) expect(seconds).toBeGreaterThanOrEqual(0);
    }));

  it('refuses what cannot be', () =>
    each(async (backend) => {
      const transient = tensor('t', [2]);
      const p = fixed('p', [2]);
      const program = backend.compile([add(p, p, p)]);
      expect(() => backend.write(transient, [1])).toThrow('t is transient');
      expect(() => backend.write(p, [1, 2, 3])).toThrow('3 values for p of 2');
      await expect(backend.read(transient)).rejects.toThrow('say which program');
      await expect(backend.read(transient, program)).rejects.toThrow('not part of the program');
      expect(() => backend.run({ calls: [] })).toThrow('another backend');
    }));

  it('says so when memory runs out', async () => {
    const backend = await WasmBackend.create({ threads: 1 });
    const huge = fixed('the images', [2 ** 30]);
    expect(() => backend.write(huge, [1])).toThrow(
      /not enough memory for the images: 4\.0 GiB in all, .*; use a smaller width= or less data \(limit=\)/,
    );
    await backend.close();
  });

  it.each([1, 2, 3])('of %i threads that is closed says so, also to what was under way', async (threads) => {
    const backend = await WasmBackend.create({ threads });
    const a = fixed('a', [40000]);
    const program = backend.compile([add(a, a, a)]);
    backend.run(program);
    const closing = backend.close();
    // Before and after the threads have ended.
    expect(() => backend.run(program)).toThrow(new FerError('the backend is closed'));
    await closing;
    expect(() => backend.run(program)).toThrow(new FerError('the backend is closed'));
  });

  it('closes and lets a new one start', async () => {
    for (let i = 0; i < 5; i++) {
      const backend = await WasmBackend.create({ threads: 3 });
      const a = fixed('a', [40000]);
      backend.run(backend.compile([add(a, a, a)]));
      await backend.close();
    }
  });
});
