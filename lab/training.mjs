// How fast the network of the paper trains here and in PyTorch, measured in turns on the same machine.
//
//     node lab/training.mjs [what=train|infer] [bs=64] [crops=1] [threads=2] [rounds=5] [steps=4]
//                           [layout=channels_last|nchw] [json=true]
//
// Turns (A B A B ...) because a shared machine's speed drifts: each round gives one ratio, and the median of
// the ratios is what counts. `steps` is how many steps a turn times, after warming up. `layout` is PyTorch's, which is
// faster in channels_last: the peer gets its best.
import { measureFer } from './peers/fer.mjs';
import { startPyTorch } from './peers/pytorch.mjs';

const defaults = {
  what: 'train',
  bs: 64,
  crops: 1,
  threads: 2,
  rounds: 5,
  steps: 4,
  layout: 'channels_last',
  json: false,
};

function parse(args) {
  const options = { ...defaults };
  for (const arg of args) {
    const [key, value] = arg.split('=');
    if (!Object.hasOwn(defaults, key) || !value) {
      throw new Error(`${arg}: expected key=value with one of the keys ${Object.keys(defaults).join(' ')}`);
    }
    options[key] = typeof defaults[key] === 'number' ? Number(value) : value;
    const count = options[key];
    if (typeof count === 'number' && !(Number.isInteger(count) && count > 0)) {
      throw new Error(`${arg}: expected a whole number above 0`);
    }
  }
  return options;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

async function main() {
  const { rounds, layout, json, ...settings } = parse(process.argv.slice(2));
  const print = json ? () => {} : (line) => console.log(line);
  const torch = startPyTorch();
  const turns = [];
  try {
    print('round   fer img/s   PyTorch img/s   ratio');
    for (let round = 1; round <= rounds; round++) {
      const ours = await measureFer(settings);
      const theirs = await torch.measure({ ...settings, layout });
      const ratio = ours.imagesPerSecond / theirs.imagesPerSecond;
      turns.push({ ours, theirs, ratio });
      const cells = [ours.imagesPerSecond.toFixed(1), theirs.imagesPerSecond.toFixed(1), ratio.toFixed(2)];
      print(
        `${String(round).padStart(5)}${cells[0].padStart(12)}${cells[1].padStart(16)}${cells[2].padStart(8)}`,
      );
    }
  } finally {
    torch.stop();
  }
  const result = {
    ...settings,
    layout,
    rounds,
    fer: median(turns.map((turn) => turn.ours.imagesPerSecond)),
    pytorch: median(turns.map((turn) => turn.theirs.imagesPerSecond)),
    ratio: median(turns.map((turn) => turn.ratio)),
    ferPeakMegabytes: Math.max(...turns.map((turn) => turn.ours.peakMegabytes)),
    pytorchPeakMegabytes: Math.max(...turns.map((turn) => turn.theirs.peakMegabytes)),
    pytorchVersion: turns[0].theirs.version,
  };
  if (json) return console.log(JSON.stringify(result));
  const ratios = turns.map((turn) => turn.ratio);
  print(`
${settings.what}, batch ${settings.bs}, ${settings.crops} crop(s) an image, ${settings.threads} threads
median      fer ${result.fer.toFixed(1)} img/s, PyTorch ${result.pytorchVersion} ${result.pytorch.toFixed(1)} img/s
ratio       ${result.ratio.toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}); above 1 this project is faster
peak memory fer ${result.ferPeakMegabytes.toFixed(0)} MB, PyTorch ${result.pytorchPeakMegabytes.toFixed(0)} MB`);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
