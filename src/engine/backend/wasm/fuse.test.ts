import { describe, expect, it } from 'vitest';
import { buildsHere } from '../../../../test/backends.ts';
import { defaultsOf } from '../../../config/option.ts';
import { optimizerOptions, resolveTrainConfig, type TrainConfig } from '../../../config.ts';
import { createOptimizer } from '../../../optim/optimizers.ts';
import { CompiledNetwork } from '../../compile.ts';
import { Graph } from '../../graph.ts';
import { call } from '../../kernels.ts';
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

describe.each(await buildsHere())(
  'weights of linear layers updated with their gradient, %s build',
  (build) => {
    it.each([
      { batch: 3, optimizer: 'sgd_nesterov', ema: 0.9, weight_decay: 0.01 },
      { batch: 300, optimizer: 'sgd_momentum', ema: 0, weight_decay: 0.01 },
      { batch: 64, optimizer: 'sgd', ema: 0.99, weight_decay: 0 },
      { batch: 8, optimizer: 'asgd', ema: 0, weight_decay: 0 },
    ] as const)('are the same to the bit: $batch samples, $optimizer, ema $ema', async (one) => {
      const graph = new Graph();
      // 7 outputs are no whole tile: they keep the update of their own.
      const hidden = graph.linear('hidden', graph.flatten(graph.input(48)), 40);
      graph.linear('out', graph.linear('middle', graph.relu(hidden), 16), 7);
      const found = [];
      for (const together of [true, false]) {
        const parameters = new Parameters(graph);
        const settings = resolveTrainConfig({
          ...defaultsOf(optimizerOptions),
          ...one,
        } as unknown as TrainConfig);
        const optimizer = createOptimizer(parameters, settings);
        const backend = await WasmBackend.create({ threads: 2, build });
        try {
          const step = tensor('step', [4], 'i32', 'persistent');
          const input = tensor('images', [one.batch, 48, 48, 1], 'f32', 'persistent');
          const options = { batch: one.batch, training: true, step, input };
          const compiled = new CompiledNetwork(graph, parameters, options);
          const dlogits = tensor('dlogits', compiled.logits.shape, 'f32', 'persistent');
          const values = ({ shape }: Tensor, seed: number): Float32Array =>
            Float32Array.from({ length: sizeOf(shape) }, (_, i) => bits(seed, i) / 2 ** 31 - 1);
          backend.write(parameters.values, parameters.initial(1).values);
          const backward = compiled.backward(dlogits, { parameters: true, input: false });
          const calls = [...compiled.forward, ...backward.calls, ...optimizer.calls];
          const unread = together ? [parameters.gradients] : [];
          const program = backend.compile(calls, [compiled.logits], { unread });
          const names = program.entries.map(({ name }) => name);
          expect(names.filter((name) => name === 'linear.dw.sgd')).toHaveLength(together ? 2 : 0);
          expect(names.filter((name) => name === 'linear.dw')).toHaveLength(together ? 1 : 3);
          for (let t = 0; t < 4; t++) {
            backend.write(input, values(input, 2 * t));
            backend.write(dlogits, values(dlogits, 2 * t + 1));
            backend.write(optimizer.hyper, optimizer.hyperValues(1e-3, t));
            backend.run(program);
          }
          const state = [
            ...optimizer.state.values(),
            ...(optimizer.averaged ? [optimizer.averaged.values] : []),
          ];
          const read = [parameters.values, ...state].map((of) => backend.read(of));
          found.push([await backend.read(compiled.logits, program), ...(await Promise.all(read))]);
        } finally {
          await backend.close();
        }
      }
      expect(found[0].every((values) => values.every(Number.isFinite))).toBe(true);
      const [, weights] = found[0];
      const initial = new Parameters(graph).initial(1).values;
      expect(weights.filter((value, i) => value !== initial[i]).length).toBeGreaterThan(90_000);
      expect(found[0]).toEqual(found[1]);
    });
  },
);

describe.each(await buildsHere())(
  'statistics of batch norm with the convolution before it, %s build',
  (build) => {
    it.each([
      { name: 'first layer', x: [3, 20, 20, 1], K: 16, kernel: 'conv.first', left: 0 },
      { name: 'first layer, odd rows', x: [5, 9, 9, 1], K: 12, kernel: 'conv.first', left: 0 },
      { name: 'blocks of tiles', x: [8, 20, 20, 64], K: 64, kernel: 'winograd.conv', left: 7 },
      { name: 'rows of tiles across blocks', x: [8, 15, 15, 16], K: 8, kernel: 'winograd.conv', left: 15 },
      { name: 'tiles beyond the map', x: [3, 13, 13, 16], K: 8, kernel: 'winograd.conv', left: 4 },
      { name: 'blocks of few pixels', x: [8, 6, 6, 16], K: 8, kernel: 'winograd.conv', left: 3 },
      { name: 'panels', x: [3, 10, 10, 104], K: 416, kernel: 'winograd.panel', left: 0 },
      { name: 'panels of several blocks', x: [70, 5, 5, 104], K: 416, kernel: 'winograd.panel', left: 0 },
      { name: 'panels beyond the map', x: [6, 6, 7, 208], K: 416, kernel: 'winograd.panel', left: 2 },
      { name: 'patches', x: [2, 5, 5, 64], K: 64, kernel: 'conv.patches', left: 1 },
      { name: 'definition', x: [2, 10, 10, 8], K: 8, kernel: 'conv.direct', left: 2, direct: true },
    ])('are the same to the bit: $name', async ({ x: shape, K, kernel, left, direct }) => {
      const [N, H, W, C] = shape;
      const backend = await WasmBackend.create({ threads: 2, build, direct });
      const persistent = (name: string, of: readonly number[]): Tensor =>
        tensor(name, of, 'f32', 'persistent');
      const [x, y] = [persistent('x', shape), persistent('y', [N, H, W, K])];
      const [w, normed] = [persistent('w', [K, C, 3, 3]), persistent('normed', y.shape)];
      const channels = ['b', 'gamma', 'beta', 'runningMean', 'runningVar'].map((name) =>
        persistent(name, [K]),
      );
      const [b, gamma, beta, runningMean, runningVar] = channels;
      const saved = persistent('saved', [2, K]);
      const convolution = call('conv3x3.forward', { x, w, b, y });
      const norm = call('batchNorm.forward', {
        ...{ x: y, gamma, beta, runningMean, runningVar, saved, y: normed },
        ...{ eps: 1e-5, momentum: 0.1, relu: true },
      });
      const between = call('add', { a: gamma, b: beta, y: persistent('sum', [K]) });
      try {
        const [together, apart] = [
          [convolution, norm],
          [convolution, between, norm],
        ].map((calls) => backend.compile(calls));
        const statistics = ({ entries }: typeof together): number =>
          entries.find(({ name }) => name === 'norm.statistics')?.items ?? 0;
        expect(together.entries.map(({ name }) => name)).toContain(kernel);
        expect(statistics(together)).toBe(left);
        expect(statistics(apart)).toBe(Math.ceil((N * H * W) / 128));
        const results = [];
        for (const program of [together, apart]) {
          for (const [i, to] of [x, w, ...channels].entries()) {
            const values = Float32Array.from(
              { length: sizeOf(to.shape) },
              (_, at) => bits(i, at) / 2 ** 31 - 1,
            );
            backend.write(to, values);
          }
          backend.run(program);
          results.push(
            await Promise.all([saved, runningMean, runningVar, normed].map((of) => backend.read(of))),
          );
        }
        expect(results[0].every((values) => values.every(Number.isFinite))).toBe(true);
        expect(new Set(results[0][0]).size).toBe(2 * K);
        expect(results[0]).toEqual(results[1]);
      } finally {
        await backend.close();
      }
    });
  },
);
