import { expect, it } from 'vitest';
import { buildsHere } from '../../../../test/backends.ts';
import { CompiledNetwork } from '../../compile.ts';
import { Graph } from '../../graph.ts';
import { Parameters } from '../../parameters.ts';
import { bits } from '../../random.ts';
import { sizeOf, type Tensor, tensor } from '../../tensor.ts';
import { WasmBackend } from '../wasm.ts';

/** First layer, blocks of tiles, panels in groups, maps that are no whole tiles; with ReLU and without. */
function network(): { graph: Graph; nodes: Graph['nodes'] } {
  const graph = new Graph();
  let x = graph.input(13);
  x = graph.batchNorm('bn1', graph.conv3x3('conv1', x, 16), { relu: true });
  x = graph.batchNorm('bn2', graph.conv3x3('conv2', x, 24));
  x = graph.maxPool2(x);
  x = graph.batchNorm('bn3', graph.conv3x3('conv3', x, 416), { relu: true });
  x = graph.batchNorm('bn4', graph.conv3x3('conv4', x, 416), { relu: true });
  graph.linear('out', graph.flatten(x), 7);
  return { graph, nodes: graph.nodes };
}

it.each(await buildsHere())(
  'batch norm within the output pass gives the same bits, %s build',
  async (build) => {
    const { graph, nodes } = network();
    const parameters = new Parameters(graph);
    const backend = await WasmBackend.create({ threads: 2, build });
    const fill = (to: Tensor, seed: number, middle: number, spread: number): void =>
      backend.write(
        to,
        Float32Array.from(
          { length: sizeOf(to.shape) },
          (_, i) => middle + spread * (bits(seed, i) / 2 ** 31 - 1),
        ),
      );
    try {
      parameters.state.forEach(([name, view], seed) => {
        fill(view, seed, /running_var/.test(name) ? 1 : 0.1, /running_var/.test(name) ? 0.5 : 0.3);
      });
      const step = tensor('step', [4], 'i32', 'persistent');
      const compiled = new CompiledNetwork(graph, parameters, { batch: 3, training: false, step });
      const input = tensor('images', compiled.input.shape, 'f32', 'persistent');
      fill(input, 99, 0.5, 0.5);
      const calls = [
        { kernel: 'add' as const, args: { a: input, b: input, y: compiled.input } },
        ...compiled.forward,
      ];
      const plain = calls.flatMap((one) => ('y' in one.args ? [one.args.y as Tensor] : []));
      const fused = backend.compile(calls, [compiled.logits]);
      const apart = backend.compile(calls, plain);
      const names = (program: typeof fused): string[] => program.entries.map(({ name }) => name);
      const norms = nodes.filter(({ op }) => op === 'batchNorm').length;
      expect(names(fused).filter((name) => name === 'norm.apply')).toEqual([]);
      expect(names(apart).filter((name) => name === 'norm.apply')).toHaveLength(norms);
      expect(names(fused)).toContain('winograd.panel');
      expect(names(fused)).toContain('winograd.conv');
      const results = [];
      for (const program of [fused, apart]) {
        backend.run(program);
        results.push(await backend.read(compiled.logits, program));
      }
      expect(results[0].every(Number.isFinite)).toBe(true);
      expect(new Set(results[0]).size).toBeGreaterThan(15);
      expect(results[0]).toEqual(results[1]);
    } finally {
      await backend.close();
    }
  },
);

it.each(await buildsHere())(
  'batch norm with the max pooling behind it gives the same bits, forward and backward, %s build',
  async (build) => {
    const graph = new Graph();
    let x = graph.input(20);
    // Even maps of 16 channels or a multiple go together; odd ones, and 8 channels, do not.
    x = graph.maxPool2(graph.batchNorm('bn1', graph.conv3x3('conv1', x, 16), { relu: true }));
    x = graph.maxPool2(graph.batchNorm('bn2', graph.conv3x3('conv2', x, 48)));
    x = graph.maxPool2(graph.batchNorm('bn3', graph.conv3x3('conv3', x, 16), { relu: true }));
    x = graph.batchNorm('bn4', graph.conv3x3('conv4', x, 8), { relu: true });
    graph.linear('out', graph.flatten(graph.maxPool2(x)), 7);
    const parameters = new Parameters(graph);
    const backend = await WasmBackend.create({ threads: 2, build });
    const fill = (to: Tensor, seed: number): void =>
      backend.write(
        to,
        Float32Array.from({ length: sizeOf(to.shape) }, (_, i) => bits(seed, i) / 2 ** 31 - 1),
      );
    try {
      const step = tensor('step', [4], 'i32', 'persistent');
      const input = tensor('images', [3, 20, 20, 1], 'f32', 'persistent');
      const compiled = new CompiledNetwork(graph, parameters, { batch: 3, training: true, step, input });
      const dlogits = tensor('dlogits', compiled.logits.shape, 'f32', 'persistent');
      fill(input, 98);
      fill(dlogits, 99);
      const { calls } = compiled.backward(dlogits, { parameters: true, input: false });
      const all = [...compiled.forward, ...calls];
      const pooled = all.flatMap((one) => (one.kernel === 'maxPool2.forward' ? [one.args.x] : []));
      const names = (program: typeof together): string[] => program.entries.map(({ name }) => name);
      const together = backend.compile(all, [compiled.logits]);
      const apart = backend.compile(all, [compiled.logits, ...pooled]);
      expect(names(together).filter((name) => name.endsWith('.pool'))).toEqual(
        ['norm.apply', 'norm.apply', 'norm.dsums', 'norm.dapply', 'norm.dsums', 'norm.dapply'].map(
          (name) => `${name}.pool`,
        ),
      );
      expect(names(apart).filter((name) => name.endsWith('.pool'))).toEqual([]);
      const results = [];
      for (const program of [together, apart]) {
        parameters.state.forEach(([, view], seed) => {
          fill(view, seed);
        });
        backend.run(program);
        const gradients = await backend.read(parameters.gradients);
        results.push([await backend.read(compiled.logits, program), gradients]);
        expect(gradients.every(Number.isFinite)).toBe(true);
        expect(gradients.filter((value) => value !== 0).length).toBeGreaterThan(gradients.length / 2);
      }
      expect(results[0]).toEqual(results[1]);
    } finally {
      await backend.close();
    }
  },
);
