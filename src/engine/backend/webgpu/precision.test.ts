import { describe, expect, it } from 'vitest';
import { buildNetwork } from '../../../nn/networks.ts';
import { CompiledNetwork } from '../../compile.ts';
import { type Call, call } from '../../kernels.ts';
import { Parameters } from '../../parameters.ts';
import { tensor } from '../../tensor.ts';
import { mixedPrecision } from './precision.ts';

/** A training step of 5 samples without its update. */
function step() {
  const graph = buildNetwork('vgg', { width: 8, drop: 0.2, classes: 7 });
  const parameters = new Parameters(graph);
  const words = tensor('step', [4], 'i32', 'persistent');
  const network = new CompiledNetwork(graph, parameters, { batch: 5, training: true, step: words });
  const { logits } = network;
  const [labels, dlogits] = [tensor('labels', [5], 'i32'), tensor('dlogits', logits.shape)];
  const totals = tensor('totals', [3], 'f64', 'persistent');
  const loss = call('crossEntropy', { logits, labels, dlogits, totals, smoothing: 0 });
  const backward = network.backward(dlogits, { parameters: true, input: false });
  const calls: Call[] = [...network.forward, loss, ...backward.calls];
  return { calls, network, parameters, dlogits };
}

describe('mixedPrecision', () => {
  it('halves what lies between layers, and nothing else', () => {
    const { calls, network, dlogits, parameters } = step();
    const { halves } = mixedPrecision(calls, []);
    // Forward and backward, ten normalised or linear layers, pools and the rest.
    expect(halves.size).toBeGreaterThan(50);
    for (const [buffer, half] of halves) {
      expect(buffer).toMatchObject({ dtype: 'f32', lifetime: 'transient' });
      expect(half).toMatchObject({
        name: buffer.name,
        length: buffer.length,
        dtype: 'f16',
        lifetime: 'transient',
      });
    }
    const exact = [network.logits, dlogits, parameters.values, parameters.gradients, parameters.statistics];
    for (const { buffer } of exact) expect(halves.has(buffer)).toBe(false);
    const saved = calls.flatMap((one) => (one.kernel === 'batchNorm.forward' ? [one.args.saved] : []));
    expect(saved).toHaveLength(8);
    for (const { buffer } of saved) expect(halves.has(buffer)).toBe(false);
  });

  it('leaves what is read after a run as it is', () => {
    const { calls, network } = step();
    const first = calls[0].kernel === 'conv3x3.forward' ? calls[0].args.y : network.logits;
    expect(mixedPrecision(calls, []).halves.has(first.buffer)).toBe(true);
    expect(mixedPrecision(calls, [first]).halves.has(first.buffer)).toBe(false);
  });

  it('scales the gradient of the loss by a power of two and those of parameters back', () => {
    const { calls, dlogits, parameters } = step();
    const { scales } = mixedPrecision(calls, []);
    expect([...scales]).toEqual([
      [dlogits.buffer, 2048],
      [parameters.gradients.buffer, 1 / 2048],
    ]);
  });

  it('scales nothing where no loss is taken', () => {
    const { calls } = step();
    const others = calls.filter(({ kernel }) => kernel !== 'crossEntropy');
    expect(mixedPrecision(others, []).scales.size).toBe(0);
  });
});
