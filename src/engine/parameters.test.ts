import { describe, expect, it } from 'vitest';
import { expectSame } from '../../test/compare.ts';
import { buildNetwork } from '../nn/networks.ts';
import { Graph } from './graph.ts';
import { Parameters } from './parameters.ts';
import { sizeOf, tensor, view } from './tensor.ts';

describe('parameters', () => {
  const graph = buildNetwork('vgg', { width: 8, drop: 0.2, classes: 7 });
  const parameters = new Parameters(graph);

  it('lie side by side without overlap, kind after kind', () => {
    const runs = graph.parameters
      .map(({ name, kind }) => ({ kind, ...parameters.value(name) }))
      .sort((a, b) => a.offset - b.offset);
    let end = 0;
    for (const { kind, offset, shape } of runs) {
      expect(offset % 16).toBe(0);
      expect(offset).toBeGreaterThanOrEqual(end);
      expect(offset - end).toBeLessThan(16);
      end = offset + sizeOf(shape);
      const group = parameters.groups.find((one) => one.kind === kind)!;
      expect(offset >= group.offset && end <= group.offset + group.length).toBe(true);
    }
    expect(parameters.groups.map(({ kind }) => kind)).toEqual(['weight', 'bias', 'scale', 'shift']);
    expect(parameters.groups.reduce((sum, { length }) => sum + length, 0)).toBe(
      sizeOf(parameters.values.shape),
    );
  });

  it('have gradients of the same layout', () => {
    for (const { name } of graph.parameters) {
      const [value, gradient] = [parameters.value(name), parameters.gradient(name)];
      expect(gradient.offset).toBe(value.offset);
      expect(gradient.shape).toEqual(value.shape);
      expect(gradient.buffer).toBe(parameters.gradients.buffer);
    }
  });

  it('start as PyTorch starts them', () => {
    const { values, statistics } = parameters.initial(3);
    expectSame(parameters.initial(3).values, values, 'the same seed');
    const other = parameters.initial(4).values;
    expect(other.filter((value, i) => value === values[i]).length / values.length).toBeLessThan(0.02);
    const of = (name: string): Float32Array => {
      const { offset, shape } = parameters.value(name);
      return values.subarray(offset, offset + sizeOf(shape));
    };
    for (const [name, fanIn] of [
      ['conv1a.weight', 9],
      ['conv3a.bias', 9 * 16],
      ['lin2.weight', 512],
      ['lin2.bias', 512],
    ] as const) {
      const bound = 1 / Math.sqrt(fanIn);
      const most = of(name).reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
      expect(most, name).toBeLessThanOrEqual(bound);
      expect(most, name).toBeGreaterThan(0.8 * bound);
    }
    const square =
      of('lin2.weight').reduce((sum, value) => sum + value * value, 0) / of('lin2.weight').length;
    expect(square * 512 * 3).toBeCloseTo(1, 1);
    expect(new Set(of('bn2a.weight'))).toEqual(new Set([1]));
    expect(new Set(of('bn2a.bias'))).toEqual(new Set([0]));
    const variance = parameters.statistic('bn2a.running_var');
    expect(statistics[variance.offset]).toBe(1);
    expect(statistics[parameters.statistic('bn2a.running_mean').offset]).toBe(0);
  });

  it('are found by name only', () => {
    expect(() => parameters.value('conv9.weight')).toThrow('no parameter named conv9.weight');
    expect(() => parameters.statistic('conv1a.weight')).toThrow('no parameter named');
  });
});

describe('a graph', () => {
  it('refuses a name twice and shapes that do not fit', () => {
    const graph = new Graph();
    const input = graph.input(4);
    const x = graph.conv3x3('conv', input, 2);
    expect(() => graph.conv3x3('conv', x, 2)).toThrow('two parameters named conv.weight');
    expect(() => graph.add(input, x)).toThrow('add of [4,4,1] and [4,4,2]');
  });

  it('numbers its dropouts', () => {
    const graph = new Graph();
    const a = graph.dropout(graph.input(4), 0.5);
    expect([a.attributes, graph.dropout(a, 0.1).attributes]).toEqual([
      { p: 0.5, layer: 0 },
      { p: 0.1, layer: 1 },
    ]);
  });
});

describe('views', () => {
  const whole = tensor('t', [4, 6]);

  it('count elements and may be viewed again', () => {
    const part = view(whole, 6, [2, 6]);
    expect([part.offset, part.shape]).toEqual([6, [2, 6]]);
    expect(view(part, 3, [3]).offset).toBe(9);
  });

  it('stay inside', () => {
    expect(() => view(whole, 20, [5])).toThrow('view 20..25 leaves t of 24 elements');
    expect(() => view(whole, -1, [1])).toThrow('leaves t');
  });
});
