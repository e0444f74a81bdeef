// What a second thread is worth: the training step on two threads and on one, kernel by kernel, against what the machine
// itself gives two threads at once, measured in the same rounds.
//
//     node lab/scaling.mjs [bs=64] [rounds=5] [steps=4] [json=true]
//
// The roofs: multiply-adds of registers alone, reading memory, copying memory; each thread with a memory of its own. If
// kernels that multiply gain what multiply-adds gain, and all others what copying gains, that is what to expect of the
// step; more comes of tensors that the last cache holds. Times and rates are the best of all rounds, for one thread and for
// two, as a shared machine only ever takes time away; the ratio of the step is given as the median of the rounds too.
//
// Lab book (two cores of an AMD EPYC with AVX2, Node 24, wide build)
//  1. Three campaigns, 15 rounds: 1.87 in the median, from 1.47 to 2.23; medians of each 2.01, 1.84, 1.86. More than 2 is a
//     neighbour's doing. The machine: multiply-adds x 1.93 to 1.99, reading x 1.48 to 1.71 (29 GB/s for two, 17 to 19 for
//     one), copying x 1.44 to 1.57. Kernels that multiply are 82 % of a step and gain 1.98 at their best, all others 1.88,
//     worst those that read and write whole maps (norm.apply 1.48, norm.dapply 1.64), which is what copying gains.
//  2. Four more on a busier day, nothing changed: medians 2.00 (3 rounds), 1.75 (3), 1.55 (5), 1.92 (7, at real-time priority).
//     In the last two the machine's multiply-adds gained 2.0 and the step at its best 1.76 and 1.81: presumably a neighbour takes the
//     second core away more often than the first, and a step at its best needs both for half a second.
import { median } from './median.mjs';
import { parseOptions } from './options.mjs';
import { measureFer } from './peers/fer.mjs';
import { startRoofs } from './roof/measure.mjs';

const { compileKernels } = await import('../dist/engine/backend/wasm/module.js');

// The build that `fer bench` takes here: its vectors are those of the roof.
const { build } = await compileKernels();
const defaults = { bs: 64, rounds: 5, steps: 4, json: false };
const TURNS = 20;

const { bs, rounds, steps, json } = parseOptions(process.argv.slice(2), defaults);
const THREADS = [1, 2];
const roofs = await Promise.all(THREADS.map((threads) => startRoofs(threads, { wide: build === 'wide' })));
const rates = THREADS.map(() => ({}));
const times = THREADS.map(() => new Map());
const whole = [];
for (let round = 0; round < rounds; round++) {
  const seconds = [];
  for (const [i, threads] of THREADS.entries()) {
    for (const [roof, rate] of Object.entries(await roofs[i].measure(TURNS)))
      rates[i][roof] = Math.max(rate, rates[i][roof] ?? 0);
    const row = await measureFer({ what: 'train', device: 'cpu', bs, steps, threads, profile: true });
    seconds.push(row.seconds);
    for (const { kernel, seconds: time, gflops } of row.profile) {
      const known = times[i].get(kernel);
      if (!known || time < known.seconds)
        times[i].set(kernel, { seconds: time, multiplies: gflops !== null });
    }
  }
  whole.push(seconds);
  if (!json)
    console.log(
      `round ${round + 1}: ${seconds.map((s) => `${(1000 * s).toFixed(0)} ms`).join(', ')}, ratio ${(seconds[0] / seconds[1]).toFixed(2)}`,
    );
}
for (const roof of roofs) await roof.close();

const gain = Object.fromEntries(Object.keys(rates[0]).map((roof) => [roof, rates[1][roof] / rates[0][roof]]));
const rows = [...times[0]].map(([kernel, { seconds, multiplies }]) => {
  const two = times[1].get(kernel).seconds;
  return { kernel, multiplies, one: seconds, two, ratio: seconds / two };
});
const sum = (of, values = rows) => values.reduce((total, row) => total + of(row), 0);
const groups = [true, false].map((multiplies) => {
  const part = rows.filter((row) => row.multiplies === multiplies);
  return { multiplies, one: sum(({ one }) => one, part), two: sum(({ two }) => two, part) };
});
const one = sum((row) => row.one);
const result = {
  bs,
  build,
  rates,
  gain,
  rows,
  step: Math.min(...whole.map(([a]) => a)) / Math.min(...whole.map(([, b]) => b)),
  kernels: one / sum((row) => row.two),
  median: median(whole.map(([a, b]) => a / b)),
  expected: one / sum((row) => row.one / (row.multiplies ? gain.arithmetic : gain.copying)),
};
if (json) console.log(JSON.stringify(result));
else {
  console.log(`\n${'roof'.padEnd(14)}  one thread   two   ratio`);
  for (const [roof, ratio] of Object.entries(gain)) {
    const unit = roof === 'arithmetic' ? 'GFLOP/s' : 'GB/s';
    console.log(
      `${roof.padEnd(14)}  ${rates[0][roof].toFixed(1).padStart(10)} ${rates[1][roof].toFixed(1).padStart(5)}   ${ratio.toFixed(2).padStart(5)}  ${unit}`,
    );
  }
  const width = Math.max(...rows.map(({ kernel }) => kernel.length));
  console.log(`\n${'kernel'.padEnd(width)}  one, ms  two, ms  ratio`);
  const line = (name, { one: a, two: b }) =>
    console.log(
      `${name.padEnd(width)}  ${(1000 * a).toFixed(2).padStart(7)}  ${(1000 * b).toFixed(2).padStart(7)}  ${(a / b).toFixed(2).padStart(5)}`,
    );
  for (const row of rows.sort((a, b) => b.one - a.one)) line(row.kernel, row);
  for (const group of groups) line(group.multiplies ? 'all that multiply' : 'all others', group);
  console.log(
    `\nthe step: ${result.step.toFixed(2)} at its best, ${result.median.toFixed(2)} in the median; its kernels ${result.kernels.toFixed(2)}; to expect of this machine: ${result.expected.toFixed(2)}`,
  );
}
