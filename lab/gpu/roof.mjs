// The roof on paper: bytes and operations of every kernel of a step of the paper's network, counted from the plan
// that a GPU would run, and the time that they take at best. Needs no GPU.
//
//     node lab/gpu/roof.mjs [what=train|infer] [bs=640,1024] [width=64] [precision=fp32|mixed]
//                           [tbs=4.3] [tflops=60] [matrix=500] [json=true]
//
// tbs: memory, TB/s; tflops: float32 without matrix units, TFLOP/s (the defaults are an H200's); matrix: what its matrix
// units, with which products are computed in mixed precision, might reach of their 990 TFLOP/s for float16.
// Bytes: every operand of a launch moves once, what it updates twice; a part of an operand that it does not use is not
// counted (stored images), and no cache keeps anything from one launch to the next. Operations: two a multiplication
// of a product, and the additions and multiplications of Winograd's transforms as they stand in the shader. The rest is
// a few operations a value, and bound by memory on any GPU.
// With `measured=FILE`, the JSON of `fer bench profile=true`: how far each kernel is from its floor there.
import { readFileSync } from 'node:fs';
import { AUGMENTATIONS } from '../../dist/engine/augment.js';
import { allocateData } from '../../dist/engine/deviceData.js';
import { Parameters } from '../../dist/engine/parameters.js';
import { BYTES, sizeOf } from '../../dist/engine/tensor.js';
import { Inference } from '../../dist/evaluate/inference.js';
import { buildNetwork } from '../../dist/nn/networks.js';
import { createOptimizer } from '../../dist/optim/optimizers.js';
import { Stepper } from '../../dist/train/stepper.js';

const { DispatchList } = await import('../../dist/engine/backend/webgpu/dispatches.js');
const { mixedPrecision } = await import('../../dist/engine/backend/webgpu/precision.js');
const { lowerCalls } = await import('../../dist/engine/backend/webgpu/lower.js');

const defaults = {
  what: 'train',
  bs: '640,1024',
  width: 64,
  tbs: 4.3,
  tflops: 60,
  matrix: 500,
  precision: 'fp32',
  measured: '',
  json: false,
};
const SIZE = 48;
const SIDE = 40;
/** What a large GPU offers. */
const TRAITS = {
  largeTiles: true,
  largeMatrixTiles: true,
  subgroup: 32,
  matrices: { M: 16, N: 16, K: 16, lanes: 32 },
  timestamps: true,
  bindingBytes: 2 ** 32 - 4,
};

function parse(args) {
  const options = { ...defaults };
  for (const arg of args) {
    const [key, value] = arg.split('=');
    if (!Object.hasOwn(defaults, key) || !value)
      throw new Error(`${arg}: expected key=value with one of the keys ${Object.keys(defaults).join(' ')}`);
    options[key] = typeof defaults[key] === 'number' ? Number(value) : value;
  }
  if (!(options.tbs > 0 && options.tflops > 0 && options.matrix > 0))
    throw new Error('tbs=, tflops= and matrix= must be above 0');
  if (!['fp32', 'mixed'].includes(options.precision))
    throw new Error(`precision=${options.precision}: expected fp32 or mixed`);
  return options;
}

/** The calls of a step: a backend that only takes them down. */
function callsOf(what, bs, width) {
  const backend = { write: () => undefined, compile: (calls) => ({ calls }) };
  const graph = buildNetwork('vgg', { width, drop: 0.2, classes: 7 });
  const parameters = new Parameters(graph);
  const data = allocateData(bs, SIZE);
  if (what === 'infer')
    return new Inference(backend, graph, parameters, data, { crops: 1, batch: bs, capacity: bs }).program(bs)
      .calls;
  if (what !== 'train') throw new Error(`what=${what}: expected train or infer`);
  const optimizer = createOptimizer(parameters, {
    ...{ optimizer: 'sgd_nesterov', momentum: 0.9, weight_decay: 1e-4, no_decay: [], ema: 0 },
  });
  const options = { label_smoothing: 0, sam: 0, mixup: 0, cutmix: 0, seed: 0 };
  const stepper = new Stepper(backend, graph, parameters, data, optimizer, bs, {
    ...{ inputSize: SIDE, crops: 1, augment: true, augmentations: AUGMENTATIONS, ...options },
  });
  return stepper.program(bs).calls;
}

function launchesOf(what, bs, width, precision) {
  const calls = callsOf(what, bs, width);
  const mixed = precision === 'mixed';
  const list = mixed
    ? new DispatchList(TRAITS, { mixed }, mixedPrecision(calls, []))
    : new DispatchList(TRAITS);
  lowerCalls(calls, [], list);
  return list.dispatches;
}

/** What a launch moves, in bytes. */
function bytesOf({ shader, operands }) {
  let bytes = 0;
  for (const [name, { access }] of Object.entries(shader.operands)) {
    const { buffer, shape } = operands[name];
    bytes += sizeOf(shape) * BYTES[buffer.dtype] * (access === 'update' ? 2 : 1);
  }
  return bytes;
}

/** Floating-point operations of a launch, as far as they are counted. */
function operationsOf({ shader, numbers, multiplications, groups }) {
  if (multiplications > 0) return 2 * multiplications;
  if (!shader.name.startsWith('winograd.')) return 0;
  // Straight-line code: `let h… = ` and `let r… = `; a thread for each tile and channel, or pair of channels.
  const lines = shader.body.match(/let [hr]\d+_\d+ = .*?;/g) ?? [];
  const each = lines.reduce((sum, line) => {
    const fused = (line.match(/fma\(/g) ?? []).length;
    const plain = (line.match(/ [-+*] /g) ?? []).length;
    return sum + 2 * fused + plain;
  }, 0);
  const threads = groups[0] * groups[1] * groups[2] * shader.threads;
  return (
    each * (numbers.tiles === undefined ? threads : Math.min(threads, numbers.tiles * channelsOf(shader)))
  );
}

const channelsOf = ({ name }) => Number(/x(\d+)( |$)/.exec(name)[1]);

function roofOf(what, bs, { width, precision, tbs, tflops, matrix }) {
  const kernels = new Map();
  for (const launch of launchesOf(what, bs, width, precision)) {
    const row = kernels.get(launch.kernel) ?? {
      kernel: launch.kernel,
      launches: 0,
      bytes: 0,
      operations: 0,
      floor: 0,
    };
    const [bytes, operations] = [bytesOf(launch), operationsOf(launch)];
    row.launches++;
    row.bytes += bytes;
    row.operations += operations;
    const rate = launch.shader.subgroups === 'matrices' ? matrix : tflops;
    row.floor += Math.max(bytes / (tbs * 1e12), operations / (rate * 1e12));
    kernels.set(launch.kernel, row);
  }
  const rows = [...kernels.values()].sort((a, b) => b.floor - a.floor);
  const total = (key) => rows.reduce((sum, row) => sum + row[key], 0);
  return {
    what,
    bs,
    rows,
    ...Object.fromEntries(['launches', 'bytes', 'operations', 'floor'].map((k) => [k, total(k)])),
  };
}

function table(roof, measured) {
  const seconds = new Map((measured?.profile ?? []).map((row) => [row.kernel, row.seconds]));
  const lines = [
    `| kernel | launches | MB | GFLOP | floor, µs | share |${measured ? ' measured, µs | times the floor |' : ''}`,
    `| --- | --: | --: | --: | --: | --: |${measured ? ' --: | --: |' : ''}`,
  ];
  const cells = ({ launches, bytes, operations, floor }) => [
    launches,
    (bytes / 1e6).toFixed(1),
    operations === 0 ? '' : (operations / 1e9).toFixed(1),
    (floor * 1e6).toFixed(1),
    `${((100 * floor) / roof.floor).toFixed(1)} %`,
  ];
  const distance = (time, { floor }) =>
    measured
      ? [
          time === undefined ? '' : (time * 1e6).toFixed(1),
          time === undefined ? '' : (time / floor).toFixed(1),
        ]
      : [];
  for (const row of roof.rows)
    lines.push(`| ${[row.kernel, ...cells(row), ...distance(seconds.get(row.kernel), row)].join(' | ')} |`);
  const all = measured ? measured.seconds : undefined;
  lines.push(`| **all** | ${[...cells(roof), ...distance(all, roof)].join(' | ')} |`);
  return lines.join('\n');
}

try {
  const options = parse(process.argv.slice(2));
  const measured = options.measured ? JSON.parse(readFileSync(options.measured, 'utf8'))[0] : undefined;
  const sizes = measured ? [measured.bs] : options.bs.split(',').map(Number);
  const what = measured ? measured.what : options.what;
  const roofs = sizes.map((bs) => roofOf(what, bs, options));
  if (options.json) console.log(JSON.stringify(roofs));
  else {
    for (const roof of roofs) {
      const rate = (roof.bs / roof.floor).toFixed(0);
      console.log(
        `\n${roof.what}, bs=${roof.bs}, ${options.precision}, ${options.tbs} TB/s, ${options.tflops} TFLOP/s: at best ${rate} images/s\n`,
      );
      console.log(table(roof, measured));
    }
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
