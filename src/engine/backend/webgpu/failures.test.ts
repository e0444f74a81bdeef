import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { temporaryFolder } from '../../../../test/dataFiles.ts';
import { hasGpu } from '../../../../test/gpu.ts';
import { faces, trainTiny } from '../../../../test/training.ts';
import { allocateData } from '../../../engine/deviceData.ts';
import { FerError } from '../../../errors.ts';
import { Inference } from '../../../evaluate/inference.ts';
import { buildNetwork } from '../../../nn/networks.ts';
import { call } from '../../kernels.ts';
import { Parameters } from '../../parameters.ts';
import { type Tensor, tensor } from '../../tensor.ts';
import { WebGpuBackend, type WebGpuOptions } from '../webgpu.ts';
import { openAdapter } from './adapter.ts';
import { row } from './dispatches.ts';

// Compiling a whole network's kernels for a GPU in software takes a while on a busy machine.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const folder = temporaryFolder();
afterAll(() => folder.remove());
const opened: WebGpuBackend[] = [];
afterEach(async () => {
  for (const backend of opened.splice(0)) await backend.close();
});

/** An object with some of its properties replaced; methods stay those of the object itself. */
function replaced<T extends object>(object: T, replacements: Partial<Record<keyof T, unknown>>): T {
  return new Proxy(object, {
    get(target, name) {
      if (name in replacements) return replacements[name as keyof T];
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** A backend on a device of which some things are replaced. */
async function openOn(
  change: (device: GPUDevice) => Partial<Record<keyof GPUDevice, unknown>>,
  options: WebGpuOptions = {},
): Promise<{ backend: WebGpuBackend; device: GPUDevice }> {
  const open = await openAdapter({ software: true });
  let device: GPUDevice | undefined;
  const adapter = replaced(open.adapter, {
    async requestDevice(descriptor: GPUDeviceDescriptor) {
      device = await open.adapter.requestDevice(descriptor);
      return replaced(device, change(device));
    },
  });
  const backend = await WebGpuBackend.on({ ...open, adapter }, options);
  opened.push(backend);
  return { backend, device: device as unknown as GPUDevice };
}

const x = tensor('x', [1024], 'f32', 'persistent');
const y = tensor('y', [1024], 'f32', 'persistent');
const RELU = call('relu.forward', { x, y });

describe.runIf(hasGpu)('what a GPU refuses', () => {
  it('a kernel: the error names it and what its compiler says', async () => {
    const { backend } = await openOn((device) => ({
      createShaderModule: ({ label = '', code }: GPUShaderModuleDescriptor) =>
        device.createShaderModule({ label, code: label === 'relu x4' ? `${code}\nfn {` : code }),
    }));
    backend.run(backend.compile([RELU]));
    await expect(backend.read(y)).rejects.toThrow(
      /does not take the kernel "relu x4".*line \d+.*resume=true/s,
    );
    await expect(backend.ready()).rejects.toThrow(FerError);
    expect(() => backend.compile([RELU])).toThrow('relu x4');
  });

  it('a training with such a kernel: before anything is written', async () => {
    const { backend } = await openOn((device) => ({
      createShaderModule: ({ label = '', code }: GPUShaderModuleDescriptor) =>
        device.createShaderModule({ label, code: label.startsWith('pool') ? 'nonsense' : code }),
    }));
    const training = trainTiny({ runs: join(folder.path, 'kernel') }, { dataset: faces(), backend });
    await expect(training).rejects.toThrow('does not take the kernel "pool');
    expect(existsSync(join(folder.path, 'kernel'))).toBe(false);
  });

  it('memory: the error says how much was wanted and what to do', async () => {
    // What a GPU answers, without filling one.
    const { backend } = await openOn((device) => ({
      popErrorScope: async () => (await device.popErrorScope()) ?? { message: 'no room' },
    }));
    const large = tensor('gradients', [2 ** 20], 'f32', 'persistent');
    backend.write(large, [1]);
    await expect(backend.ready()).rejects.toThrow(
      /no room for 4 MiB in all with gradients: use a smaller bs=/,
    );
  });

  it('one buffer of such a size: the error names the batch that fits, and it does', async () => {
    const bytes = 2 ** 22;
    const { backend } = await openOn((device) => ({
      limits: replaced(device.limits, { maxStorageBufferBindingSize: bytes }),
    }));
    const graph = buildNetwork('vgg', { width: 8, drop: 0, classes: 7 });
    const parameters = new Parameters(graph);
    const inferenceOf = (batch: number): void => {
      const data = allocateData(1, 48);
      const options = { crops: 1, batch, capacity: batch, fixedWeights: true } as const;
      const inference = new Inference(backend, graph, parameters, data, options);
      inference.program(batch);
    };
    // Of the first layers, 40x40 pixels of 8 channels.
    const most = Math.floor(bytes / (40 * 40 * 8 * 4));
    expect(() => inferenceOf(100)).toThrow(new RegExp(`takes at most 4 MiB.*bs=${most} would fit`, 's'));
    expect(() => inferenceOf(most + 1)).toThrow(`bs=${most} would fit`);
    inferenceOf(most);
    await backend.ready();
    const whole = tensor('images', [bytes + 4], 'u8', 'persistent');
    expect(() => backend.write(whole, [1, 2, 3, 4])).toThrow(/images needs 4 MiB in one buffer/);
  });
});

describe.runIf(hasGpu)('a GPU that is lost', () => {
  it('is told by whatever is called next', async () => {
    const { backend, device } = await openOn(() => ({}));
    backend.run(backend.compile([RELU]));
    device.destroy();
    await expect(backend.read(y)).rejects.toThrow(/was lost \(destroyed\).*resume=true/s);
    expect(() => backend.write(x, [1])).toThrow('was lost');
    expect(() => backend.compile([RELU])).toThrow('was lost');
  });

  it('in a training: what was saved before is whole, and another device goes on from it', async () => {
    const { backend, device } = await openOn(() => ({}));
    const runs = join(folder.path, 'lost');
    let steps = 0;
    const listener = {
      onStep: () => {
        if (++steps === 4) device.destroy();
      },
    };
    const dataset = faces();
    await expect(trainTiny({ runs }, { dataset, backend, listener })).rejects.toThrow('was lost');
    // The first epoch's checkpoint.
    const { history } = await trainTiny({ runs, resume: true }, { dataset });
    expect(history.map(({ epoch }) => epoch)).toEqual([1, 2]);
  });
});

describe('more workgroups than WebGPU allows in a row', () => {
  it('lie in a grid', () => {
    expect(row(65535)).toEqual([65535, 1, 1]);
    expect(row(65536)).toEqual([65535, 2, 1]);
    expect(row(0)).toEqual([0, 0, 1]);
  });

  it.runIf(hasGpu)('reach every element', async () => {
    const { backend } = await openOn(() => ({}));
    const images = 64 * 6554 + 3;
    const of = (name: string, length: number, dtype: Tensor['buffer']['dtype']): Tensor =>
      tensor(name, [length], dtype, 'persistent');
    const [targets, order] = [of('targets', 7, 'u8'), of('order', images, 'i32')];
    const [labels, step] = [of('labels', images * 10, 'i32'), of('step', 4, 'i32')];
    backend.write(targets, [5, 3, 1, 6, 0, 2, 4]);
    backend.write(
      order,
      Int32Array.from({ length: images }, (_, i) => i % 7),
    );
    const program = backend.compile([call('gatherLabels', { targets, order, labels, step, crops: 10 })]);
    expect(program.launches[0].dispatch.groups).toEqual([65535, 2, 1]);
    backend.run(program);
    const found = await backend.read(labels);
    const expected = [5, 3, 1, 6, 0, 2, 4];
    expect(found.findIndex((label, i) => label !== expected[Math.floor(i / 10) % 7])).toBe(-1);
  });
});
