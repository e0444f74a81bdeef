import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WasmBackend } from '../engine/backend/wasm.ts';
import type { Backend } from '../engine/backend.ts';
import { CompiledNetwork } from '../engine/compile.ts';
import { bits } from '../engine/random.ts';
import { sizeOf, type Tensor, tensor } from '../engine/tensor.ts';
import { buildModel, loadWeights, readWeights } from './model.ts';
import { widen } from './widen.ts';

const LABELS = ['angry', 'happy', 'sad'];
const of = (width: number) =>
  buildModel({ network: 'vgg', width, drop: 0, labels: LABELS, imageSize: 48, inputSize: 40 });

describe('a network with more channels', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await WasmBackend.create({ threads: 2 });
  });
  afterAll(() => backend.close());

  const random = ({ shape }: Tensor, seed: number): Float32Array =>
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => bits(seed, i) / 2 ** 31 - 1);
  const step = tensor('step', [4], 'i32', 'persistent');

  it('answers as before, and learns with the new ones', async () => {
    const [narrow, wide] = [of(8), of(24)];
    for (const [i, [name, view]] of narrow.parameters.state.entries()) {
      const values = random(view, i);
      const [middle, spread] = /running_var|bn\d.\.weight/.test(name) ? [1, 0.5] : [0, 0.1];
      backend.write(
        view,
        values.map((value) => middle + spread * value),
      );
    }
    const weights = { tensors: await readWeights(backend, narrow.parameters), metadata: { step: '7' } };
    const widened = widen(wide.parameters, [weights], 3);
    expect(widened.metadata).toEqual({ step: '7' });
    loadWeights(backend, wide.parameters, widened, 'wide');

    const input = tensor('images', [6, 40, 40, 1], 'f32', 'persistent');
    backend.write(input, random(input, 99));
    const answers: Float64Array[] = [];
    for (const { graph, parameters } of [narrow, wide]) {
      const compiled = new CompiledNetwork(graph, parameters, { batch: 6, training: false, step, input });
      const program = backend.compile(compiled.forward, [compiled.logits]);
      backend.run(program);
      answers.push(Float64Array.from(await backend.read(compiled.logits, program)));
    }
    expect(new Set(answers[0]).size).toBe(18);
    for (const [i, value] of answers[0].entries()) expect(answers[1][i]).toBeCloseTo(value, 5);

    // Half of the wide network is fresh: drawn, not zero, and not the same everywhere.
    const conv = widened.tensors['conv2b.weight'];
    const rows = conv.data.length / conv.shape[0];
    const fresh = Array.from(conv.data as Float32Array).slice(-rows);
    expect(new Set(fresh).size).toBeGreaterThan(rows / 2);
    expect(Math.max(...fresh.map((value) => Math.abs(value)))).toBeLessThanOrEqual(1 / Math.sqrt(9 * 48));

    const { graph, parameters } = wide;
    const compiled = new CompiledNetwork(graph, parameters, { batch: 6, training: true, step, input });
    const dlogits = tensor('dlogits', compiled.logits.shape, 'f32', 'persistent');
    backend.write(dlogits, random(dlogits, 98));
    const { calls } = compiled.backward(dlogits, { parameters: true, input: false });
    backend.run(backend.compile([...compiled.forward, ...calls]));
    const gradient = await backend.read(parameters.gradient('lin3.weight'));
    const [outputs, inputs] = widened.tensors['lin3.weight'].shape;
    const old = weights.tensors['lin3.weight'].shape[1];
    const unseen = Array.from({ length: outputs }, (_, o) =>
      gradient.slice(o * inputs + old, (o + 1) * inputs),
    );
    expect(unseen.flatMap((row) => [...row]).filter((value) => value !== 0).length).toBeGreaterThan(
      (outputs * (inputs - old)) / 10,
    );
  });
});
