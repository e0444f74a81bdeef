import { describe, expect, it } from 'vitest';
import { expectClose, largest } from '../../../test/compare.ts';
import { linearNetwork, madeUpModel, randomFaces } from '../../../test/models.ts';
import { defaultsOf } from '../../config/option.ts';
import { methodOptions } from '../../config.ts';
import { ReferenceBackend } from '../../engine/backend/reference.ts';
import { Graph } from '../../engine/graph.ts';
import type { LoadedModel } from '../../nn/model.ts';
import { buildNetwork } from '../../nn/networks.ts';
import { Probe } from '../probe.ts';
import { gradCam, lastFeatures } from './gradCam.ts';

const SETTINGS = defaultsOf(methodOptions);
const K = 8;
const backend = new ReferenceBackend();

/** Convolution, batch norm with ReLU, then each label's weighted sum of all features. */
const build = (side: number, pooled: boolean) => (graph: Graph, classes: number) => {
  const input = graph.input(side);
  const seen = pooled ? graph.maxPool2(input) : input;
  const features = graph.batchNorm('bn', graph.conv3x3('conv', seen, K), { relu: true });
  graph.linear('out', graph.flatten(features), classes);
};

/** Grad-CAM of such a network on a picture [S, S], by the paper's formulas: [S, S] before enlarging. */
async function byHand(
  model: LoadedModel,
  picture: Float64Array,
  S: number,
  label: number,
): Promise<Float64Array> {
  const value = (name: string) => backend.read(model.parameters.value(name));
  const statistic = (name: string) => backend.read(model.parameters.statistic(name));
  const [kernel, bias] = [await value('conv.weight'), await value('conv.bias')];
  const [scale, shift] = [await value('bn.weight'), await value('bn.bias')];
  const [mean, variance] = [await statistic('bn.running_mean'), await statistic('bn.running_var')];
  const out = await value('out.weight');
  const map = new Float64Array(S * S);
  for (let k = 0; k < K; k++) {
    // The logit is linear in the features, channel by channel in PyTorch's order: its gradient is the weights.
    let weight = 0;
    for (let p = 0; p < S * S; p++) weight += out[(label * K + k) * S * S + p] / (S * S);
    for (let y = 0; y < S; y++) {
      for (let x = 0; x < S; x++) {
        let sum = bias[k];
        for (let dy = -1; dy <= 1; dy++) {
          for (let dx = -1; dx <= 1; dx++) {
            const inside = y + dy >= 0 && y + dy < S && x + dx >= 0 && x + dx < S;
            if (inside) sum += kernel[k * 9 + (dy + 1) * 3 + dx + 1] * picture[(y + dy) * S + x + dx];
          }
        }
        const normalized = (scale[k] * (sum - mean[k])) / Math.sqrt(variance[k] + 1e-5) + shift[k];
        map[y * S + x] += weight * Math.max(0, normalized);
      }
    }
  }
  return map.map((v) => Math.max(0, v));
}

async function explained(model: LoadedModel, crops: 1 | 10, faces: readonly Float64Array[], target: number) {
  const probe = new Probe(backend, model, { crops, batch: 2 });
  const subjects = faces.map((pixels) => ({ pixels, target, score: 0 }));
  return (await gradCam.explain(probe, subjects, SETTINGS)).map(({ values }) => values);
}

describe('Grad-CAM', () => {
  const faces = randomFaces(3, 6);

  it.each([0, 1, 2])('is the paper’s formula, label %i', async (label) => {
    const model = madeUpModel(backend, build(6, false), { imageSize: 6, inputSize: 6 });
    const maps = await explained(model, 1, faces, label);
    for (const [i, face] of faces.entries())
      expectClose(maps[i], await byHand(model, face, 6, label), { eps: 1e-13 }, `face ${i}`);
  });

  it('says something for at least one label, and nothing below zero', async () => {
    const model = madeUpModel(backend, build(6, false), { imageSize: 6, inputSize: 6 });
    const maps = [0, 1, 2].map((label) => explained(model, 1, faces, label));
    const all = (await Promise.all(maps)).flat();
    expect(Math.max(...all.map(largest))).toBeGreaterThan(0.01);
    for (const map of all) expect(Math.min(...map)).toBeGreaterThanOrEqual(0);
  });

  it('ten crops: their maps at their places, mirrored back, averaged where they overlap', async () => {
    const model = madeUpModel(backend, build(6, false), { imageSize: 8, inputSize: 6 });
    const [face] = randomFaces(1, 8);
    const [map] = await explained(model, 10, [face], 1);
    const sum = new Float64Array(64);
    const times = new Float64Array(64);
    for (const mirror of [false, true]) {
      for (const [left, top] of [
        [0, 0],
        [2, 0],
        [0, 2],
        [2, 2],
        [1, 1],
      ]) {
        const place = (i: number) => (top + Math.floor(i / 6)) * 8 + left + (mirror ? 5 - (i % 6) : i % 6);
        const crop = Float64Array.from({ length: 36 }, (_, i) => face[place(i)]);
        const own = await byHand(model, crop, 6, 1);
        own.forEach((value, i) => {
          sum[place(i)] += value;
          times[place(i)]++;
        });
      }
    }
    expectClose(
      map,
      sum.map((value, p) => value / times[p]),
      { eps: 1e-13 },
      'ten crops',
    );
  });

  it('small feature maps are enlarged without a shift', async () => {
    const model = madeUpModel(backend, build(8, true), { imageSize: 8, inputSize: 8 });
    const [face] = randomFaces(1, 8);
    const pooled = Float64Array.from({ length: 16 }, (_, i) => {
      const first = Math.floor(i / 4) * 16 + (i % 4) * 2;
      return Math.max(face[first], face[first + 1], face[first + 8], face[first + 9]);
    });
    const small = await byHand(model, pooled, 4, 0);
    // Twice the size: a pixel lies a quarter of the way to the next centre, and the border is held.
    const at = (y: number, x: number) => small[Math.min(Math.max(y, 0), 3) * 4 + Math.min(Math.max(x, 0), 3)];
    const expected = Float64Array.from({ length: 64 }, (_, i) => {
      const [y, x] = [Math.floor(i / 8), i % 8];
      const [Y, X] = [y >> 1, x >> 1];
      const [toY, toX] = [Y + (y % 2 === 0 ? -1 : 1), X + (x % 2 === 0 ? -1 : 1)];
      return 0.5625 * at(Y, X) + 0.1875 * (at(toY, X) + at(Y, toX)) + 0.0625 * at(toY, toX);
    });
    const [map] = await explained(model, 1, [face], 0);
    expect(largest(expected)).toBeGreaterThan(0);
    expectClose(map, expected, { eps: 1e-13 }, 'enlarged');
  });
});

describe('the last features', () => {
  it('of the paper’s network are the 5x5 maps before the last pooling', () => {
    const node = lastFeatures(buildNetwork('vgg', { width: 64, drop: 0.2, classes: 7 }));
    expect(node).toMatchObject({ op: 'batchNorm', attributes: { name: 'bn4b' }, shape: [5, 5, 512] });
  });

  it('of a residual network are the sum after its ReLU', () => {
    const graph = new Graph();
    const stem = graph.relu(graph.conv3x3('stem', graph.input(8), 8));
    const inner = graph.batchNorm('bn', graph.conv3x3('inner', stem, 8));
    const last = graph.relu(graph.add(inner, stem));
    graph.linear('out', graph.flatten(graph.maxPool2(last)), 3);
    expect(lastFeatures(graph)).toBe(last);
  });

  it('of a network without convolutions do not exist', () => {
    const graph = new Graph();
    linearNetwork(8)(graph, 3);
    expect(() => lastFeatures(graph)).toThrow('no convolution');
  });
});
