import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Candidate, closeBackends, openBackends } from '../../test/backends.ts';
import { randomIntegers, randomValues } from '../../test/check-ops.ts';
import { discrepancy, expectClose, expectSame, largest } from '../../test/compare.ts';
import { buildNetwork } from '../nn/networks.ts';
import { ReferenceBackend } from './backend/reference.ts';
import type { Backend, NumericArray } from './backend.ts';
import { CompiledNetwork, type Wanted } from './compile.ts';
import { Graph, type Node } from './graph.ts';
import { type Call, call } from './kernels.ts';
import { Parameters } from './parameters.ts';
import { sizeOf, type Tensor, tensor } from './tensor.ts';

const N = 3;
const CLASSES = 5;

/** Two residual blocks, a node that serves three others, one that is added to itself, and an odd side. */
function residual(): Graph {
  const graph = new Graph();
  let x = graph.batchNorm('stem.bn', graph.conv3x3('stem', graph.input(11), 8), { relu: true });
  for (const name of ['one', 'two']) {
    const inner = graph.batchNorm(`${name}.bn`, graph.conv3x3(name, x, 8), { relu: true });
    const outer = graph.batchNorm(`${name}.bn2`, graph.conv3x3(`${name}.2`, inner, 8));
    x = graph.add(graph.relu(graph.add(outer, x)), x);
  }
  x = graph.flatten(graph.maxPool2(graph.add(x, x)));
  x = graph.dropout(graph.relu(graph.linear('hidden', x, 12)), 0.3);
  graph.linear('out', x, CLASSES);
  return graph;
}

/** A network with random parameters and images, its mean loss and all gradients. */
class Trial {
  readonly graph: Graph;
  readonly parameters: Parameters;
  readonly pixels: Tensor;
  readonly inputGradient: Tensor;
  readonly network: CompiledNetwork;
  /** Gradients of the wanted nodes. */
  readonly inner: ReadonlyMap<Node, Tensor>;
  readonly forward: readonly Call[];
  readonly backward: readonly Call[];
  readonly #totals = tensor('totals', [3], 'f64', 'persistent');
  readonly #labels = tensor('labels', [N], 'i32', 'persistent');
  readonly #step = tensor('step', [4], 'i32', 'persistent');

  constructor(graph: Graph, wanted: Wanted) {
    const training = wanted.parameters;
    this.graph = graph;
    this.parameters = new Parameters(graph);
    const step = this.#step;
    const network = new CompiledNetwork(graph, this.parameters, { batch: N, training, step });
    this.network = network;
    this.pixels = tensor('pixels', network.input.shape, 'f32', 'persistent');
    this.inputGradient = tensor('dpixels', network.input.shape, 'f32', 'persistent');
    const dlogits = tensor('dlogits', network.logits.shape);
    const loss = {
      logits: network.logits,
      labels: this.#labels,
      dlogits,
      totals: this.#totals,
      smoothing: 0.1,
    };
    this.forward = [copy(this.pixels, network.input), ...network.forward, call('crossEntropy', loss)];
    const { calls, inputGradient, gradients } = network.backward(dlogits, wanted);
    this.inner = gradients;
    this.backward = inputGradient ? [...calls, copy(inputGradient, this.inputGradient)] : calls;
  }

  upload(backend: Backend): void {
    const { values, statistics } = this.parameters.initial(7);
    backend.write(this.parameters.values, values);
    backend.write(this.parameters.statistics, statistics);
    for (const { name, kind, shape } of this.graph.parameters) {
      // Scales and shifts that are not all alike.
      const random = randomValues(sizeOf(shape), name.length);
      if (kind === 'scale')
        backend.write(
          this.parameters.value(name),
          random.map((v) => 1 + v / 3),
        );
      if (kind === 'shift')
        backend.write(
          this.parameters.value(name),
          random.map((v) => v / 3),
        );
    }
    backend.write(this.pixels, randomValues(sizeOf(this.pixels.shape), 5));
    backend.write(this.#labels, randomIntegers(N, CLASSES, 6));
    backend.write(this.#step, [1, 0, 0, 3]);
  }

  /** The mean loss of the forward calls as a function of what is in memory. */
  loss(backend: Backend): () => Promise<number> {
    const program = backend.compile(this.forward);
    return async () => {
      backend.write(this.#totals, [0, 0, 0]);
      backend.run(program);
      return (await backend.read(this.#totals))[0] / N;
    };
  }

  /** Runs everything once. */
  run(backend: Backend): void {
    this.upload(backend);
    backend.run(backend.compile([...this.forward, ...this.backward]));
  }

  /** Runs everything once; values and gradients of the wanted nodes, in their order. */
  async innerValues(backend: Backend): Promise<{ value: NumericArray; gradient: NumericArray }[]> {
    this.upload(backend);
    const kept = [...this.inner].map(([node, gradient]) => ({ value: this.network.value(node), gradient }));
    const keep = kept.flatMap(({ value, gradient }) => [value, gradient]);
    const program = backend.compile([...this.forward, ...this.backward], keep);
    backend.run(program);
    const read = async ({ value, gradient }: (typeof kept)[number]) => ({
      value: await backend.read(value, program),
      gradient: await backend.read(gradient, program),
    });
    return Promise.all(kept.map(read));
  }

  /** Operands with their gradients, and the scale of each. */
  async gradients(
    backend: Backend,
    training: boolean,
  ): Promise<{ name: string; of: Tensor; gradient: NumericArray }[]> {
    const rows = [{ name: 'pixels', of: this.pixels, gradient: await backend.read(this.inputGradient) }];
    for (const { name } of training ? this.graph.parameters : []) {
      const gradient = await backend.read(this.parameters.gradient(name));
      rows.push({ name, of: this.parameters.value(name), gradient });
    }
    return rows;
  }
}

/** Of one channel, so flattening copies. */
function copy(from: Tensor, to: Tensor): Call {
  const length = sizeOf(to.shape);
  return call('flatten.forward', {
    x: { ...from, shape: [1, length, 1, 1] },
    y: { ...to, shape: [1, length] },
  });
}

/** Biases before a batch norm have no gradient but rounding: their scale is that of their weights. */
function scaleOf(name: string, rows: readonly { name: string; gradient: NumericArray }[]): number {
  const sibling = rows.find((row) => row.name === name.replace(/bias$/, 'weight'))!;
  const own = rows.find((row) => row.name === name)!;
  return Math.max(largest(own.gradient), largest(sibling.gradient));
}

async function checkAgainstDifferences(graph: Graph, training: boolean, samples: number): Promise<void> {
  const trial = new Trial(graph, { parameters: training, input: true });
  const backend = new ReferenceBackend();
  trial.run(backend);
  const rows = await trial.gradients(backend, training);
  const loss = trial.loss(backend);
  // Small, so that it moves no value over the corner of a ReLU.
  const step = 1e-7;
  for (const { name, of, gradient } of rows) {
    const values = Float64Array.from(await backend.read(of));
    const scale = scaleOf(name, rows);
    expect(scale, name).toBeGreaterThan(0);
    for (const i of randomIntegers(samples, values.length, name.length)) {
      const at = async (value: number): Promise<number> => {
        backend.write(
          of,
          values.map((old, j) => (j === i ? value : old)),
        );
        return loss();
      };
      const slope = ((await at(values[i] + step)) - (await at(values[i] - step))) / (2 * step);
      expect(Math.abs(slope - gradient[i]) / scale, `${name}[${i}]`).toBeLessThan(1e-5);
    }
    backend.write(of, values);
  }
}

describe('gradients of whole networks against finite differences', () => {
  it('a residual network in training', () => checkAgainstDifferences(residual(), true, 8));
  it('a residual network by its input, in evaluation', () => checkAgainstDifferences(residual(), false, 40));
  it.each([
    ['vgg', 40],
    ['vgg', 44],
    ['vgg_lite', 40],
  ])('a narrow %s in training on crops of %d', (network, inputSize) =>
    checkAgainstDifferences(
      buildNetwork(network, { width: 8, drop: 0.2, classes: CLASSES, inputSize }),
      true,
      1,
    ),
  );

  it('a gradient that one branch overwrites is not the other branch’s', async () => {
    const graph = new Graph();
    const input = graph.input(6);
    const branch = graph.conv3x3('conv', input, 1);
    // The gradient of the input itself may not be wanted: then batch norm has no place for it.
    const sum = graph.add(branch, graph.batchNorm('bn', input, { relu: true }));
    graph.linear('out', graph.flatten(sum), CLASSES);
    const backend = new ReferenceBackend();
    const gradients: NumericArray[] = [];
    for (const input of [true, false]) {
      const trial = new Trial(graph, { parameters: true, input });
      trial.run(backend);
      gradients.push(await backend.read(trial.parameters.gradients));
    }
    expect(discrepancy(gradients[1], gradients[0], { eps: 1e-12 }).ratio).toBeLessThan(1);
  });
});

describe('values and gradients inside a network', () => {
  /** The sum over all pixels for each channel. */
  const channelSums = (values: ArrayLike<number>, channels: number): Float64Array => {
    const sums = new Float64Array(channels);
    for (let i = 0; i < values.length; i++) sums[i % channels] += values[i];
    return sums;
  };

  it('are what the parameters behind them get their gradients from', async () => {
    const graph = residual();
    const nodes = graph.nodes.filter(({ op }) => op === 'conv3x3' || op === 'batchNorm' || op === 'linear');
    const trial = new Trial(graph, { parameters: true, input: false, nodes });
    const backend = new ReferenceBackend();
    const inner = await trial.innerValues(backend);
    expect(inner).toHaveLength(12);
    for (const [i, node] of nodes.entries()) {
      const { value, gradient } = inner[i];
      const { name, relu } = node.attributes as { name: string; relu?: boolean };
      // A bias is added to every pixel of its channel; ReLU passes on the gradient of what is positive.
      const passed = gradient.map((dy, j) => (!relu || value[j] > 0 ? dy : 0));
      const expected = await backend.read(trial.parameters.gradient(`${name}.bias`));
      const bound = { eps: 1e-12, scale: largest(gradient) };
      expectClose(channelSums(passed, node.shape[node.shape.length - 1]), expected, bound, name);
    }
  });

  it('are the same on the fast backends, with images of a persistent tensor', async () => {
    const graph = residual();
    const nodes = [1, 2, 7, 11, graph.nodes.length - 3].map((index) => graph.nodes[index]);
    const trial = new Trial(graph, { parameters: false, input: false, nodes });
    const expected = await trial.innerValues(new ReferenceBackend());
    const candidates = await openBackends({ threads: [1, 3] });
    for (const { family, backend } of candidates) {
      const actual = await trial.innerValues(backend);
      nodes.forEach(({ op, index }, i) => {
        for (const what of ['value', 'gradient'] as const)
          expectClose(
            actual[i][what],
            expected[i][what],
            { growth: 400 },
            `${what} of ${op}${index} on ${family}`,
          );
      });
    }
    await closeBackends(candidates);

    const { parameters, pixels } = trial;
    const step = tensor('step', [4], 'i32', 'persistent');
    const direct = new CompiledNetwork(graph, parameters, { batch: N, training: false, step, input: pixels });
    expect(direct.input).toBe(pixels);
    const backend = new ReferenceBackend();
    trial.upload(backend);
    const program = backend.compile(direct.forward);
    backend.run(program);
    expectSame(await backend.read(direct.value(nodes[0]), program), expected[0].value, 'first node');
  });

  it('take no call behind the last wanted node', () => {
    const graph = residual();
    const middle = graph.nodes[7];
    expect(middle.op).toBe('add');
    const convolutions = (input: boolean): number => {
      const { backward } = new Trial(graph, { parameters: false, input, nodes: [middle] });
      return backward.filter(({ kernel }) => kernel === 'conv3x3.backwardInput').length;
    };
    expect([convolutions(false), convolutions(true)]).toEqual([2, 5]);
    const { backward } = new Trial(graph, { parameters: false, input: false, nodes: [middle] });
    const normalized = backward.filter(({ kernel }) => kernel === 'batchNorm.evaluateBackward');
    expect(normalized).toHaveLength(2);
  });
});

describe('whole networks on the fast backends', () => {
  let candidates: Candidate[] = [];
  beforeAll(async () => {
    candidates = [...(await openBackends()), ...(await openBackends({ threads: [1, 3], direct: true }))];
  });
  afterAll(() => closeBackends(candidates));

  it.each([true, false])('a residual network, training %s', async (training) => {
    const trial = new Trial(residual(), { parameters: training, input: true });
    const reference = new ReferenceBackend();
    trial.run(reference);
    const expected = await trial.gradients(reference, training);
    const first = new Map<string, NumericArray[]>();
    for (const { family, backend } of candidates) {
      trial.run(backend);
      const actual = await trial.gradients(backend, training);
      actual.forEach(({ name, gradient }, i) => {
        const scale = scaleOf(name, expected);
        const bound = { growth: 400, scale };
        expect(discrepancy(gradient, expected[i].gradient, bound).ratio, `${name}, ${family}`).toBeLessThan(
          1,
        );
      });
      const gradients = actual.map(({ gradient }) => gradient);
      first.get(family)?.forEach((values, i) => {
        expectSame(gradients[i], values, `${actual[i].name} on ${backend.describe()}`);
      });
      if (!first.has(family)) first.set(family, gradients);
    }
  });

  it('leaves dropout out of an evaluation', () => {
    const kernels = new Trial(residual(), { parameters: false, input: true }).forward.map(
      ({ kernel }) => kernel,
    );
    expect(kernels.filter((kernel) => kernel.startsWith('dropout'))).toEqual([]);
    expect(
      new Trial(residual(), { parameters: true, input: true }).forward.map(({ kernel }) => kernel),
    ).toContain('dropout.forward');
  });

  it('computes no gradient that nobody wants', () => {
    const graph = residual();
    const step = tensor('step', [4], 'i32', 'persistent');
    const parameters = new Parameters(graph);
    const compile = (training: boolean) =>
      new CompiledNetwork(graph, parameters, { batch: N, training, step });
    const dlogits = tensor('dlogits', [N, CLASSES]);
    const kernelsOf = (network: CompiledNetwork, wanted: { parameters: boolean; input: boolean }) =>
      network.backward(dlogits, wanted).calls.map(({ kernel }) => kernel);
    const count = (kernels: string[], name: string) => kernels.filter((kernel) => kernel === name).length;
    const training = kernelsOf(compile(true), { parameters: true, input: false });
    expect([count(training, 'conv3x3.backwardWeight'), count(training, 'conv3x3.backwardInput')]).toEqual([
      5, 4,
    ]);
    const saliency = kernelsOf(compile(false), { parameters: false, input: true });
    expect([count(saliency, 'conv3x3.backwardWeight'), count(saliency, 'conv3x3.backwardInput')]).toEqual([
      0, 5,
    ]);
    expect(compile(true).backward(dlogits, { parameters: true, input: false }).inputGradient).toBeUndefined();
    expect(() => compile(false).backward(dlogits, { parameters: true, input: false })).toThrow(
      'training mode',
    );
    expect(() => compile(true).backward(dlogits, { parameters: false, input: true })).toThrow(
      'training mode',
    );
  });
});
