import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../../test/dataFiles.ts';
import { faces, snapshot, trainTiny } from '../../../../test/training.ts';
import { FerError } from '../../../errors.ts';
import { call } from '../../kernels.ts';
import { type Tensor, tensor } from '../../tensor.ts';
import { WasmBackend } from '../wasm.ts';
import { WasmMemory } from './memory.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const opened: WasmBackend[] = [];
afterEach(async () => {
  for (const backend of opened.splice(0)) await backend.close();
});

async function open(mostPages?: number): Promise<WasmBackend> {
  const backend = await WasmBackend.create({ threads: 2, mostPages });
  opened.push(backend);
  return backend;
}

const KIB = 256;
const floats = (name: string, length: number): Tensor => tensor(name, [length], 'f32', 'persistent');
/** to = from + from by way of a transient tensor of so many KiB. */
function throughArena(backend: WasmBackend, kib: number, from = floats('from', 1), to = floats('to', 1)) {
  const between = tensor('between', [kib * KIB]);
  const start: Tensor = { ...between, shape: [1] };
  return backend.compile([
    call('add', { a: between, b: between, y: between }),
    call('add', { a: from, b: from, y: start }),
    call('copy', { x: start, y: to }),
  ]);
}

describe('the end of memory', () => {
  it('stays free: the address behind a buffer is a number above that of its start', () => {
    const room = 16 * 65536 - 1024;
    const buffer = (length: number) => tensor('all', [length], 'u8', 'persistent').buffer;
    expect(() => WasmMemory.open(16).persistent(buffer(room))).toThrow(/not enough memory for all/);
    expect(WasmMemory.open(16).persistent(buffer(room - 64))).toBe(1024);
  });
});

describe('a backend without the memory for all programs', () => {
  it('says so when it is to be ready, and runs the others', async () => {
    const backend = await open(64);
    const [from, to] = [floats('from', 1), floats('to', 1)];
    backend.write(from, [3]);
    const before = backend.memory;
    const small = throughArena(backend, 100, from, to);
    const large = throughArena(backend, 5000, from, to);
    await expect(backend.ready()).rejects.toThrow(FerError);
    expect(backend.memory - before).toBeLessThan(200 * 1024);
    await backend.ready();
    backend.run(small);
    expect([...(await backend.read(to))]).toEqual([6]);
    expect(() => backend.run(large)).toThrow(/not enough memory for activations: .*use a smaller bs/);
    expect(() => backend.run(large)).toThrow('not enough memory');
    backend.write(from, [4]);
    backend.run(throughArena(backend, 200, from, to));
    expect([...(await backend.read(to))]).toEqual([8]);
  });

  it('runs a program while another waits that does not fit', async () => {
    const backend = await open(64);
    const to = floats('to', 1);
    throughArena(backend, 5000);
    const small = throughArena(backend, 100, floats('from', 1), to);
    backend.run(small);
    await expect(backend.ready()).rejects.toThrow('not enough memory');
  });

  it('takes back what a program had before something did not fit', async () => {
    const backend = await open(64);
    const large = floats('large', 3000 * KIB);
    expect(() => backend.run(throughArena(backend, 2000, large))).toThrow('not enough memory for large');
    backend.write(large, [1]);
    backend.run(throughArena(backend, 500, large));
  });

  it('a training: before anything is written', async () => {
    const runs = folder.path;
    const dataset = faces();
    await trainTiny({ runs, n_epochs: 1 }, { dataset, backend: await open() });
    const before = snapshot(join(runs, 'a'));
    const backend = await open(128);
    const again = trainTiny({ runs, n_epochs: 1, overwrite: true }, { dataset, backend });
    await expect(again).rejects.toThrow(/not enough memory for activations/);
    expect(snapshot(join(runs, 'a'))).toEqual(before);
  });
});

describe('programs of ascending sizes', () => {
  const sizes = Array.from({ length: 40 }, (_, i) => 100 * (i + 1));

  it('take a few times the memory of the largest', async () => {
    const backend = await open();
    const to = floats('to', 1);
    const from = floats('from', 1);
    backend.write(from, [1]);
    for (const kib of sizes) {
      const program = throughArena(backend, kib, from, to);
      backend.run(program);
      expect([...(await backend.read(to))]).toEqual([2]);
    }
    expect(backend.memory).toBeLessThan(5 * 4000 * 1024);
  });

  it('have room to spare only as long as nobody else needs it', async () => {
    const exact = await open(64);
    exact.run(throughArena(exact, 1800));
    exact.run(throughArena(exact, 2000));

    const backend = await open(64);
    backend.run(throughArena(backend, 1000));
    const second = throughArena(backend, 1100);
    backend.run(second);
    backend.write(floats('most of the rest', 1500 * KIB), [1]);
    const late = floats('late', 300 * KIB);
    expect((await backend.read(late)).every((value) => value === 0)).toBe(true);
    const values = new Float32Array(300 * KIB).fill(7);
    backend.write(late, values);
    backend.run(second);
    expect(await backend.read(late)).toEqual(values);
    expect(() => backend.write(floats('too late', 200 * KIB), [1])).toThrow('not enough memory for too late');
    backend.run(throughArena(backend, 1150));
    expect(await backend.read(late)).toEqual(values);
  });
});
