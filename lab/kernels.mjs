// Every product kernel of the network of the paper alone, on one thread, against the roofs of this machine
// measured in the same run: multiply-adds of 128 bits (wide build: 256) and reading memory.
//
//     node lab/kernels.mjs [n=16] [turns=20] [only=TEXT] [build=wide|relaxed|simd] [json=true]
//
// And what two threads cost each other: the barrier after every entry of a program, and waking a thread that sleeps.
//
// First the kernel's error against `reference` on two images, then the shortest of `turns` times on n images (a shared
// machine only ever makes a time longer). `effective` counts the multiplications of the definition, `% peak`
// those that ran, also of the peak of 128 bits where the kernels use 256.
import { parseOptions } from './options.mjs';
import { startRoof } from './roof/measure.mjs';

const { WasmBackend } = await import('../dist/engine/backend/wasm.js');
const { ReferenceBackend } = await import('../dist/engine/backend/reference.js');
const { call } = await import('../dist/engine/kernels.js');
const { tensor, sizeOf } = await import('../dist/engine/tensor.js');
const { bits } = await import('../dist/engine/random.js');

const { compileKernels } = await import('../dist/engine/backend/wasm/module.js');

const { build: fastest } = await compileKernels();
const defaults = { n: 16, turns: 20, only: '', build: fastest, json: false };

/** Side, channels in and out of the paper's convolutions that are not the first. */
const CONVOLUTIONS = [
  [40, 64, 64],
  [20, 64, 128],
  [20, 128, 128],
  [10, 128, 256],
  [10, 256, 256],
  [5, 256, 512],
  [5, 512, 512],
];
const LINEARS = [
  [2048, 4096],
  [4096, 4096],
];

/** Cases: a name, the calls for n images with fresh tensors, the multiplications of the definition for one image. */
function cases() {
  const image = (name, ...shape) => tensor(name, shape, 'f32', 'persistent');
  const convolutions = CONVOLUTIONS.flatMap(([side, C, K]) => {
    const make = (n) => ({
      x: image('x', n, side, side, C),
      w: image('w', K, C, 3, 3),
      b: image('b', K),
      y: image('y', n, side, side, K),
      dy: image('dy', n, side, side, K),
      dx: image('dx', n, side, side, C),
      dw: image('dw', K, C, 3, 3),
      db: image('db', K),
    });
    const work = side * side * 9 * C * K;
    const name = `${side}x${side} ${C}-${K}`;
    const of = (kernel, keys, out) => ({
      name: `${kernel} ${name}`,
      work,
      make(n) {
        const all = make(n);
        return { call: call(kernel, Object.fromEntries(keys.map((key) => [key, all[key]]))), out: all[out] };
      },
    });
    return [
      of('conv3x3.forward', ['x', 'w', 'b', 'y'], 'y'),
      of('conv3x3.backwardInput', ['dy', 'w', 'dx'], 'dx'),
      of('conv3x3.backwardWeight', ['x', 'dy', 'dw', 'db'], 'dw'),
    ];
  });
  const linears = LINEARS.flatMap(([I, O]) => {
    const make = (n) => ({
      x: image('x', n, I),
      w: image('w', O, I),
      b: image('b', O),
      y: image('y', n, O),
      dy: image('dy', n, O),
      dx: image('dx', n, I),
      dw: image('dw', O, I),
      db: image('db', O),
    });
    const of = (kernel, keys, out) => ({
      name: `${kernel} ${I}-${O}`,
      work: I * O,
      samples: 4,
      make(n) {
        const all = make(n);
        return { call: call(kernel, Object.fromEntries(keys.map((key) => [key, all[key]]))), out: all[out] };
      },
    });
    return [
      of('linear.forward', ['x', 'w', 'b', 'y'], 'y'),
      of('linear.backwardInput', ['dy', 'w', 'dx'], 'dx'),
      of('linear.backwardWeight', ['x', 'dy', 'dw', 'db'], 'dw'),
    ];
  });
  return [...convolutions, ...linears];
}

function fill(backend, { args }) {
  Object.values(args).forEach((to, seed) => {
    const scale = to.buffer.name === 'w' ? 0.05 : 1;
    const values = Float32Array.from(
      { length: sizeOf(to.shape) },
      (_, i) => scale * (bits(seed, i) / 2 ** 31 - 1),
    );
    backend.write(to, values);
  });
}

/** Largest error over the root mean square of the definition's values. */
async function errorOf(kernel, build) {
  const { call: made, out } = kernel.make(2);
  const results = [];
  for (const backend of [new ReferenceBackend(), await WasmBackend.create({ threads: 1, build })]) {
    fill(backend, made);
    backend.run(backend.compile([made]));
    results.push(await backend.read(out));
    await backend.close();
  }
  const [expected, actual] = results;
  let square = 0;
  let worst = 0;
  expected.forEach((value, i) => {
    square += value * value;
    worst = Math.max(worst, Math.abs(value - actual[i]));
  });
  return worst / Math.sqrt(square / expected.length);
}

async function timesOf(kernel, n, turns, build) {
  const { call: made } = kernel.make(n);
  const backend = await WasmBackend.create({ threads: 1, build });
  fill(backend, made);
  const program = backend.compile([made]);
  let best;
  for (let turn = 0; turn < turns; turn++) {
    const rows = backend.profile(program);
    best = best?.map((row, i) => (rows[i].seconds < row.seconds ? rows[i] : row)) ?? rows;
  }
  await backend.close();
  return best;
}

/** Entries of the program that times a barrier: each of them next to no work. */
const ENTRIES = 2000;
/** Longer than a thread looks for work before it sleeps, in milliseconds. */
const IDLE = 20;

/** Seconds of a barrier between two entries, and of a run of one entry after both threads slept. */
async function threadCosts(build) {
  const perEntry = [];
  let woken;
  for (const threads of [1, 2]) {
    const backend = await WasmBackend.create({ threads, build });
    const [x, y] = ['x', 'y'].map((name) => tensor(name, [4], 'f32', 'persistent'));
    const programOf = (entries) => backend.compile(Array(entries).fill(call('relu.forward', { x, y })));
    const [many, one] = [programOf(ENTRIES), programOf(1)];
    const timed = (program) => {
      const started = performance.now();
      backend.run(program);
      return (performance.now() - started) / 1000;
    };
    const runs = Array.from({ length: 50 }, () => timed(many));
    perEntry.push(Math.min(...runs) / ENTRIES);
    const afterIdle = [];
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => setTimeout(resolve, IDLE));
      afterIdle.push(timed(one));
    }
    woken = afterIdle.sort((a, b) => a - b)[10];
    await backend.close();
  }
  return { barrier: perEntry[1] - perEntry[0], woken };
}

const { n, turns, only, build, json } = parseOptions(process.argv.slice(2), defaults);
const wide = build === 'wide';
const roof = await startRoof({ wide });
const roof128 = wide ? await startRoof() : roof;
for (let i = 0; i < 5; i++) {
  roof();
  roof128();
}
const results = [];
for (const kernel of cases().filter(({ name }) => name.includes(only))) {
  const error = await errorOf(kernel, build);
  const samples = n * (kernel.samples ?? 1);
  const rows = await timesOf(kernel, samples, turns, build);
  roof();
  roof128();
  const stages = new Map();
  for (const { kernel: stage, seconds, multiplications } of rows) {
    const sum = stages.get(stage) ?? { seconds: 0, multiplications: 0 };
    stages.set(stage, {
      seconds: sum.seconds + seconds,
      multiplications: sum.multiplications + multiplications,
    });
  }
  const seconds = rows.reduce((sum, row) => sum + row.seconds, 0);
  results.push({
    kernel: kernel.name,
    error,
    seconds,
    effective: (2 * kernel.work * samples) / seconds / 1e9,
    stages: Object.fromEntries(stages),
  });
}
const { gflops, gigabytesPerSecond } = roof();
const { gflops: peak128 } = roof128();
const costs = await threadCosts(build);
if (json)
  console.log(
    JSON.stringify({ n, turns, build, peak: gflops, peak128, gigabytesPerSecond, ...costs, results }),
  );
else {
  console.log(
    `peak ${gflops.toFixed(1)} GFLOP/s, of 128 bits ${peak128.toFixed(1)}, reading ${gigabytesPerSecond.toFixed(1)} GB/s; one thread, ${n} images, ${build}`,
  );
  console.log(
    `two threads: a barrier ${(costs.barrier * 1e6).toFixed(2)} µs, a run after sleep ${(costs.woken * 1e6).toFixed(0)} µs`,
  );
  console.log(
    `${'kernel'.padEnd(40)}${'error'.padStart(9)}${'ms'.padStart(9)}${'effective'.padStart(11)}${'% peak'.padStart(8)}${'% of 128'.padStart(10)}`,
  );
  for (const { kernel, error, seconds, effective, stages } of results) {
    const run = Object.values(stages).reduce((sum, stage) => sum + stage.multiplications, 0);
    const share = (work, time) => {
      const percent = (peak, width) =>
        (work === 0 ? '' : ((100 * 2 * work) / time / 1e9 / peak).toFixed(0)).padStart(width);
      return `${percent(gflops, 8)}${percent(peak128, 10)}`;
    };
    console.log(
      `${kernel.padEnd(40)}${error.toExponential(1).padStart(9)}${(seconds * 1e3).toFixed(2).padStart(9)}${effective.toFixed(0).padStart(11)}${share(run, seconds)}`,
    );
    if (Object.keys(stages).length > 1) {
      for (const [stage, { seconds: time, multiplications }] of Object.entries(stages)) {
        console.log(
          `  ${stage.padEnd(47)}${(time * 1e3).toFixed(2).padStart(9)}${''.padStart(11)}${share(multiplications, time)}`,
        );
      }
    }
  }
}
