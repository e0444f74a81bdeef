import { describe, expect, it } from 'vitest';
import { expectClose } from '../../../../test/compare.ts';
import { hasGpu, openGpu } from '../../../../test/gpu.ts';
import { CompiledNetwork } from '../../compile.ts';
import { Graph } from '../../graph.ts';
import { Parameters } from '../../parameters.ts';
import { bits } from '../../random.ts';
import { sizeOf, type Tensor, tensor } from '../../tensor.ts';

/** First layer, tiles that overlap the edges, channels that are no multiple of eight; with ReLU and without. */
function network(): Graph {
  const graph = new Graph();
  let x = graph.input(13);
  x = graph.batchNorm('bn1', graph.conv3x3('conv1', x, 12), { relu: true });
  x = graph.batchNorm('bn2', graph.conv3x3('conv2', x, 20));
  x = graph.maxPool2(x);
  x = graph.batchNorm('bn3', graph.conv3x3('conv3', x, 8), { relu: true });
  graph.linear('out', graph.flatten(x), 7);
  return graph;
}

describe.runIf(hasGpu)('batch norm within the output pass on a GPU', () => {
  it.each([
    { what: 'by Winograd', options: {}, fused: 3 },
    { what: 'by the definition', options: { direct: true }, fused: 1 },
  ])('gives the same $what', async ({ options, fused }) => {
    const graph = network();
    const parameters = new Parameters(graph);
    const backend = await openGpu(options);
    const fill = (to: Tensor, seed: number, middle: number, spread: number): void => {
      const values = Float32Array.from({ length: sizeOf(to.shape) }, (_, i) => bits(seed, i) / 2 ** 31 - 1);
      backend.write(
        to,
        values.map((value) => middle + spread * value),
      );
    };
    try {
      parameters.state.forEach(([name, view], seed) => {
        const isVariance = /running_var/.test(name);
        fill(view, seed, isVariance ? 1 : 0.1, isVariance ? 0.5 : 0.3);
      });
      const step = tensor('step', [4], 'i32', 'persistent');
      const input = tensor('images', [3, 13, 13, 1], 'f32', 'persistent');
      const compiled = new CompiledNetwork(graph, parameters, { batch: 3, training: false, step, input });
      fill(input, 99, 0.5, 0.5);
      const plain = compiled.forward.flatMap((one) => ('y' in one.args ? [one.args.y as Tensor] : []));
      const together = backend.compile(compiled.forward, [compiled.logits]);
      const apart = backend.compile(compiled.forward, plain);
      const applied = ({ launches }: typeof together): number =>
        launches.filter(({ dispatch }) => dispatch.kernel === 'norm.apply').length;
      expect([applied(together), applied(apart)]).toEqual([3 - fused, 3]);
      const results = [];
      for (const program of [together, apart]) {
        backend.run(program);
        results.push(await backend.read(compiled.logits, program));
      }
      expect(new Set(results[0]).size).toBeGreaterThan(15);
      expectClose(results[0], results[1], { growth: 4 }, 'logits');
    } finally {
      await backend.close();
    }
  });
});
