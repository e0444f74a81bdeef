// The table of lab/gpu/run.sh from the files of its stages: what is not there is left out.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
const read = (name) => {
  const file = join(folder, name);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
};
const json = (name) => {
  const text = read(name);
  return text ? JSON.parse(text) : undefined;
};
const lines = [
  `GPU: ${read('gpu.txt')?.trim() || 'not told'}`,
  '',
  '| what | this | peer | ratio |',
  '| --- | --: | --: | --: |',
];
const rate = (value) => (value === undefined ? '' : `${value.toFixed(0)} images/s`);
for (const [name, what] of [
  ['train-fp32', 'training step, PyTorch fp32 without TF32'],
  ['infer-fp32', 'inference, PyTorch fp32 without TF32'],
  ['train-mixed', 'training step, precision=mixed, PyTorch autocast fp16, channels_last'],
  ['infer-mixed', 'inference, precision=mixed, PyTorch autocast fp16, channels_last'],
]) {
  const result = json(`${name}.json`);
  if (Array.isArray(result)) lines.push(`| ${what} | ${rate(result[0].imagesPerSecond)} | not here | |`);
  else if (result)
    lines.push(`| ${what} | ${rate(result.fer)} | ${rate(result.pytorch)} | ${result.ratio.toFixed(2)} |`);
}
const check = json('check.json');
if (check) {
  for (const precision of ['fp32', 'mixed']) {
    const rows = check.checks.filter((row) => row.precision === precision);
    if (rows.length === 0) continue;
    const cells = rows.map(({ width, worst }) => `width ${width}: ${worst.toExponential(1)}`).join(', ');
    const ok = rows.every((row) => row.ok) ? 'yes' : 'NO';
    lines.push(
      `| ${precision}: same as the CPU to ${rows[0].limit}, same bits twice | ${ok} (${cells}) | | |`,
    );
  }
}
const evaluation = json('evaluate.json');
if (evaluation)
  lines.push(`| accuracy on ${process.env.SPLIT} | ${(100 * evaluation.accuracy).toFixed(2)} % | | |`);
const history = read('history.csv')?.trim().split('\n');
if (history && history.length > 1) {
  const [head, last] = [history[0].split(','), history.at(-1).split(',')];
  const cell = (name) => last[head.indexOf(name)];
  lines.push(`| last epoch: ${cell('epoch')}, seconds | ${cell('seconds')} | | |`);
}
console.log(lines.join('\n'));
