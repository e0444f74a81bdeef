import type { ProfileRow } from '../../backend.ts';
import type { GpuProgram } from './program.ts';
import type { Traits } from './traits.ts';
import { BUFFER_USAGE, MAP_READ } from './usage.ts';

/** Two times a launch; WebGPU's largest query set has 4096 entries. */
const MOST_LAUNCHES = 2048;

/** Runs a program with a clock around each launch: the GPU's own where it shows one, or else the host's. */
export async function profileOf(
  device: GPUDevice,
  program: GpuProgram,
  { timestamps }: Traits,
): Promise<ProfileRow[]> {
  const seconds = timestamps ? await byQueue(device, program) : await byHost(device, program);
  return program.launches.map(({ dispatch: { kernel, detail, multiplications } }, index) => {
    return { kernel, detail, seconds: seconds[index], multiplications };
  });
}

async function byQueue(device: GPUDevice, { launches }: GpuProgram): Promise<number[]> {
  const seconds: number[] = [];
  for (let first = 0; first < launches.length; first += MOST_LAUNCHES) {
    const part = launches.slice(first, first + MOST_LAUNCHES);
    const count = 2 * part.length;
    const querySet = device.createQuerySet({ type: 'timestamp', count });
    const { queryResolve, copySource, mapRead, copyDestination } = BUFFER_USAGE;
    const times = device.createBuffer({ size: count * 8, usage: queryResolve | copySource });
    const staging = device.createBuffer({ size: count * 8, usage: mapRead | copyDestination });
    const encoder = device.createCommandEncoder();
    part.forEach(({ pipeline, group, dispatch }, index) => {
      const pass = encoder.beginComputePass({
        timestampWrites: {
          querySet,
          beginningOfPassWriteIndex: 2 * index,
          endOfPassWriteIndex: 2 * index + 1,
        },
      });
      pass.setPipeline(pipeline.pipeline as GPUComputePipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...dispatch.groups);
      pass.end();
    });
    encoder.resolveQuerySet(querySet, 0, count, times, 0);
    encoder.copyBufferToBuffer(times, 0, staging, 0, count * 8);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(MAP_READ);
    const nanoseconds = new BigUint64Array(staging.getMappedRange());
    for (let i = 0; i < part.length; i++)
      seconds.push(Number(nanoseconds[2 * i + 1] - nanoseconds[2 * i]) / 1e9);
    staging.unmap();
    for (const used of [staging, times, querySet]) used.destroy();
  }
  return seconds;
}

async function byHost(device: GPUDevice, { launches }: GpuProgram): Promise<number[]> {
  const seconds: number[] = [];
  for (const { pipeline, group, dispatch } of launches) {
    await device.queue.onSubmittedWorkDone();
    const started = performance.now();
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline.pipeline as GPUComputePipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...dispatch.groups);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    seconds.push((performance.now() - started) / 1000);
  }
  return seconds;
}
