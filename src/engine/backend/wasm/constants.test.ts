import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildsHere } from '../../../../test/backends.ts';
import { decodeHalf, encodeHalf } from '../../../io/half.ts';
import { CompiledNetwork } from '../../compile.ts';
import { Graph } from '../../graph.ts';
import { call } from '../../kernels.ts';
import { Parameters } from '../../parameters.ts';
import { bits } from '../../random.ts';
import { sizeOf, type Tensor, tensor } from '../../tensor.ts';
import { WasmBackend } from '../wasm.ts';

/** From -1 to 1. */
const random = (length: number, seed: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => bits(seed, i) / 2 ** 31 - 1);

function linearLayer(N: number, I: number, O: number) {
  const persistent = (name: string, ...shape: number[]): Tensor => tensor(name, shape, 'f32', 'persistent');
  const args = {
    x: persistent('x', N, I),
    w: persistent('w', O, I),
    b: persistent('b', O),
    y: persistent('y', N, O),
  };
  return { ...args, layer: [call('linear.forward', args)] };
}

describe.each(await buildsHere())('what is made from fixed weights, %s build', (build) => {
  let backend: WasmBackend;
  beforeEach(async () => {
    backend = await WasmBackend.create({ threads: 2, build });
  });
  afterEach(() => backend.close());

  /** Blocks of tiles, panels or patches where there are few, linear layers whose weights have 16 bits. */
  function network(side: number): { graph: Graph; parameters: Parameters } {
    const graph = new Graph();
    let x = graph.input(side);
    x = graph.batchNorm('bn1', graph.conv3x3('conv1', x, 16), { relu: true });
    x = graph.batchNorm('bn2', graph.conv3x3('conv2', x, 24));
    x = graph.maxPool2(x);
    x = graph.batchNorm('bn3', graph.conv3x3('conv3', x, 416), { relu: true });
    x = graph.conv3x3('conv4', x, 416);
    x = graph.linear('lin1', graph.flatten(x), 72);
    graph.linear('lin2', x, 7);
    return { graph, parameters: new Parameters(graph) };
  }

  function fill(parameters: Parameters, round: number): void {
    parameters.state.forEach(([name, view], seed) => {
      const middle = /running_var/.test(name) ? 1 : 0.05;
      const values = random(sizeOf(view.shape), 100 * round + seed).map((value) => middle + 0.3 * value);
      backend.write(view, decodeHalf(encodeHalf(values)));
    });
  }

  it.each([
    [11, 1, 'conv.patches'],
    [13, 2, 'winograd.panel'],
  ])(
    'convolutions and linear layers give the same bits, images of %i, batch of %i',
    async (side, batch, last) => {
      const { graph, parameters } = network(side);
      const step = tensor('step', [4], 'i32', 'persistent');
      const make = (samples: number) => {
        const input = tensor('images', [samples, side, side, 1], 'f32', 'persistent');
        backend.write(input, random(sizeOf(input.shape), 7));
        const compiled = new CompiledNetwork(graph, parameters, {
          batch: samples,
          training: false,
          step,
          input,
        });
        const compile = (fixedWeights: boolean) =>
          backend.compile(compiled.forward, [compiled.logits], { fixedWeights });
        return { logits: compiled.logits, fixed: compile(true), free: compile(false) };
      };
      const { logits, fixed, free } = make(batch);
      const more = make(batch + 1);
      const names = (program: typeof fixed) => program.entries.map(({ name }) => name);
      expect(names(free)).toEqual(expect.arrayContaining(['winograd.kernel', 'norm.fixed', 'linear.stream']));
      expect(names(fixed)).toEqual(expect.arrayContaining([last, 'linear.stream.halves']));
      for (const made of ['winograd.kernel', 'norm.fixed']) expect(names(fixed)).not.toContain(made);
      // Programs of other sizes share them.
      expect(fixed.constants.length).toBeGreaterThan(4);
      expect(new Set([...fixed.constants, ...more.fixed.constants]).size).toBe(fixed.constants.length);

      const answers: unknown[] = [];
      for (const round of [1, 2]) {
        // New weights after the first round: what was made from the old ones must not be seen again.
        fill(parameters, round);
        for (const program of [fixed, free, fixed]) {
          backend.run(program);
          const answer = await backend.read(logits, program);
          expect(answer.every(Number.isFinite)).toBe(true);
          answers.push(answer);
        }
        expect(answers.at(-3)).toEqual(answers.at(-2));
        expect(answers.at(-1)).toEqual(answers.at(-2));
        backend.run(more.fixed);
        const fromMore = await backend.read(more.logits, more.fixed);
        backend.run(more.free);
        expect(fromMore).toEqual(await backend.read(more.logits, more.free));
      }
      expect(answers[0]).not.toEqual(answers[3]);
    },
  );

  it('a linear layer reads 16 bits where they are exact, 32 elsewhere, and the result is the same', async () => {
    const [N, I, O, block] = [2, 48, 128, 32];
    const { x, w, b, y, layer } = linearLayer(N, I, O);
    const weights = decodeHalf(encodeHalf(random(O * I, 1)));
    // The ends of what a half holds, in the first block; one value that none holds in each of two others.
    const ends = [0, -0, 2 ** -24, -(2 ** -24), 3 * 2 ** -24, 127.9375, -127.9375, 2 ** -14, 1 + 2 ** -10];
    weights.set(ends);
    weights[block * I + 5] = 1 + 2 ** -11;
    weights[3 * block * I - 1] = 128;
    backend.write(w, weights);
    backend.write(x, random(N * I, 2));
    backend.write(b, random(O, 3));
    const free = backend.compile(layer);
    const fixed = backend.compile(layer, [], { fixedWeights: true });
    backend.run(free);
    const expected = await backend.read(y);
    backend.write(y, new Float32Array(N * O));
    backend.run(fixed);
    expect(await backend.read(y)).toEqual(expected);

    const [{ tensor: halves }] = fixed.constants;
    const inexact = async () => {
      const words = new Uint32Array((await backend.read(halves)).buffer);
      const stride = words.length / (O / block);
      return Array.from({ length: O / block }, (_, i) => words[i * stride]);
    };
    expect(await inexact()).toEqual([0, 1, 1, 0]);
    // What is too small, not a number or infinite has no half either.
    for (const value of [2 ** -25, 2 ** -126, Number.NaN, Number.POSITIVE_INFINITY]) {
      weights.fill(0.5);
      weights[3 * block * I] = value;
      backend.write(w, weights);
      backend.run(fixed);
      expect(await inexact()).toEqual([0, 0, 0, 1]);
    }
  });

  /** Answers of a linear layer on N samples, with fixed weights and without. */
  async function linear(N: number, I: number, O: number, change: (weights: Float32Array) => void) {
    const { x, w, b, y, layer } = linearLayer(N, I, O);
    const weights = decodeHalf(encodeHalf(random(O * I, 1)));
    change(weights);
    backend.write(w, weights);
    backend.write(x, random(N * I, 2));
    backend.write(b, random(O, 3));
    const answers = [];
    for (const fixedWeights of [false, true]) {
      const program = backend.compile(layer, [], { fixedWeights });
      backend.write(y, new Float32Array(N * O));
      backend.run(program);
      answers.push({
        names: program.entries.map(({ name }) => name),
        values: (await backend.read(y)) as Float32Array,
      });
    }
    return answers;
  }

  it.each([
    [5, 16, 32],
    [9, 272, 41],
    [10, 2320, 64],
    [18, 528, 75],
    [20, 256, 33],
  ])('%i samples of %i features: a linear layer of %i outputs takes 16 bits', async (N, I, O) => {
    const [free, fixed] = await linear(N, I, O, () => {});
    expect(free.names).toEqual(['linear.dots']);
    expect(fixed.names).toEqual(['linear.dots.pack', 'linear.dots.halves']);
    expect(fixed.values).toEqual(free.values);
    // One weight that has no half: its block of 32 outputs is read in 32 bits, and all but its own output stays as it was.
    const [, whole] = await linear(N, I, O, (weights) => {
      weights[3 * I + I - 1] = 1 + 2 ** -11;
    });
    const changed = [...whole.values].flatMap((value, i) =>
      Object.is(value, fixed.values[i]) ? [] : [i % O],
    );
    expect(new Set(changed)).toEqual(new Set([3]));
  });
});
