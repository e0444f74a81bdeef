import { expect, test } from 'vitest';
import { Parameters } from '../engine/parameters.ts';
import { FerError } from '../errors.ts';
import { buildNetwork, NETWORKS } from './networks.ts';

test('vgg is the network of the paper', () => {
  const parameters = new Parameters(buildNetwork('vgg', { width: 64, drop: 0.2, classes: 7 }));
  expect(parameters.count).toBe(29_890_759);
  const shapes = Object.fromEntries(parameters.state.map(([name, { shape }]) => [name, shape.join()]));
  expect(shapes).toMatchObject({
    'conv1a.weight': '64,1,3,3',
    'conv1b.weight': '64,64,3,3',
    'conv4b.weight': '512,512,3,3',
    'bn4b.running_var': '512',
    'lin1.weight': '4096,2048',
    'lin2.weight': '4096,4096',
    'lin3.weight': '7,4096',
    'lin3.bias': '7',
  });
  expect(Object.keys(shapes)).toHaveLength(54);
});

test('vgg_lite has the convolutions of vgg and one linear layer', () => {
  const of = (name: string) =>
    new Parameters(buildNetwork(name, { width: 64, drop: 0.2, classes: 7 })).state.map(
      ([tensor, { shape }]) => `${tensor} ${shape}`,
    );
  const convolutions = of('vgg').filter((line) => !line.startsWith('lin'));
  expect(convolutions).toHaveLength(48);
  expect(of('vgg_lite')).toEqual(expect.arrayContaining(convolutions));
  expect(of('vgg_lite').filter((line) => !convolutions.includes(line))).toEqual([
    'lin.weight 7,2048',
    'lin.bias 7',
  ]);
  const { count } = new Parameters(buildNetwork('vgg_lite', { width: 64, drop: 0.2, classes: 7 }));
  expect(count).toBe(4_702_407);
});

test('width and classes are what one asks for', () => {
  const parameters = new Parameters(buildNetwork('vgg', { width: 8, drop: 0, classes: 3 }));
  expect(parameters.value('conv1a.weight').shape).toEqual([8, 1, 3, 3]);
  expect(parameters.value('lin3.weight').shape).toEqual([3, 512]);
});

test('crops of other sizes: the same parameters from 32 to 47 pixels, and none that leave nothing', () => {
  const of = (inputSize: number) => buildNetwork('vgg', { width: 8, drop: 0, classes: 7, inputSize });
  const count = (inputSize: number): number => new Parameters(of(inputSize)).count;
  expect(of(44).nodes[0].shape).toEqual([44, 44, 1]);
  expect([32, 44, 47].map(count)).toEqual(Array(3).fill(count(40)));
  expect(count(48)).toBe(count(40) + 5 * 64 * 512);
  expect(count(16)).toBe(count(40) - 3 * 64 * 512);
  expect(() => of(15)).toThrow('network=vgg halves crops of 15x15 to nothing: give crop_size=16 or more');
});

test('every network has its own name, a line about it and builds', () => {
  for (const [name, network] of Object.entries(NETWORKS)) {
    expect(network.name).toBe(name);
    expect(network.about).toMatch(/^\S.*\S$/);
    const { nodes } = buildNetwork(name, { width: 8, drop: 0.1, classes: 5 });
    expect(nodes[0].shape).toEqual([network.inputSize, network.inputSize, 1]);
    expect(nodes[nodes.length - 1].shape).toEqual([5]);
  }
});

test('an unknown network is refused, names of objects too', () => {
  for (const name of ['resnet', 'toString', '__proto__']) {
    expect(() => buildNetwork(name, { width: 8, drop: 0, classes: 7 })).toThrow(FerError);
  }
  expect(() => buildNetwork('resnet', { width: 8, drop: 0, classes: 7 })).toThrow(
    `unknown network "resnet": known are ${Object.keys(NETWORKS).join(', ')}`,
  );
});
