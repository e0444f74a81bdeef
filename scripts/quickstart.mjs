// `npm run quickstart`: the whole way with no data at hand, through the same commands a user types. Arguments
// go to `fer train`, as in `npm run quickstart -- seed=3`.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import sharp from 'sharp';
import { root } from './run.mjs';

const name = 'quickstart';
const run = `runs/${name}`;
const data = 'synthetic:5000';
const cli = 'dist/cli.js';
const figures = `${run}/figures.json`;
const facesFolder = `${run}/faces`;

/** Share of the held-out faces that must be recognised. */
const LEAST_ACCURACY = 0.9;

// A narrow network and a larger step than for photographs: drawn faces are learned in a few epochs.
const settings = ['network=vgg', 'width=16', 'n_epochs=10', 'bs=32', 'lr=0.03', 'eval_crops=1'];

class Failed extends Error {
  constructor(message, code = 1) {
    super(message);
    this.code = code;
  }
}

/** Prints a command and runs it with its output, bar included, on this terminal. */
async function fer(...args) {
  console.log(`\n$ node ${cli} ${args.join(' ')}`);
  const child = spawn(process.execPath, [cli, ...args], { cwd: root, stdio: 'inherit' });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status) => resolve(status ?? 1));
  });
  if (code !== 0) throw new Failed(`fer ${args[0]} ended with code ${code}`, code);
}

/** Keys of `changes` replace those of `base`; the others follow. */
function override(base, changes) {
  const keyOf = (setting) => setting.split('=')[0];
  const changed = new Set(changes.map(keyOf));
  return [...base.filter((setting) => !changed.has(keyOf(setting))), ...changes];
}

/** The later steps are about this run. */
function refuseOthers(changes) {
  const taken = changes.find((setting) => /^(name|runs|data)=/.test(setting));
  if (taken)
    throw new Failed(`${taken}: the quickstart trains ${run} on ${data}; for others use fer train`, 2);
}

/** Writes one face of each expression, from the part of the data that training never saw. */
async function writeFaces() {
  const { synthetic } = await import('../dist/index.js');
  const { images, targets, labels, size } = synthetic({ counts: { PrivateTest: 7 } });
  mkdirSync(join(root, facesFolder), { recursive: true });
  const area = size * size;
  for (const [i, target] of targets.entries()) {
    const pixels = images.subarray(i * area, (i + 1) * area);
    await sharp(pixels, { raw: { width: size, height: size, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toFile(join(root, facesFolder, `${labels[target]}.png`));
  }
}

function explain(title, ...lines) {
  console.log(['', `== ${title}`, ...lines].join('\n'));
}

async function quickstart() {
  if (!existsSync(join(root, cli)))
    throw new Failed('fer is not built: run "npm ci" (or "npm run build") first');
  refuseOthers(process.argv.slice(2));
  const started = performance.now();

  explain(
    '1. Train',
    'A narrow network learns seven expressions from 4,000 drawn faces. After each epoch it is tried on 500',
    'others (val); the best weights are kept.',
  );
  await fer(
    'train',
    `data=${data}`,
    `name=${name}`,
    ...override([...settings, 'overwrite=true'], process.argv.slice(2)),
  );

  explain('2. Evaluate', '500 faces that played no part in training or in the choice of the weights.');
  await fer('evaluate', `model=${run}`, `data=${data}`, 'split=PrivateTest', `out=${figures}`);
  const { accuracy, n } = JSON.parse(readFileSync(join(root, figures), 'utf8'));

  explain(
    '3. Predict',
    `Seven of them as pictures, named after what was drawn: ${relative(process.cwd(), join(root, facesFolder))}/`,
  );
  await writeFaces();
  await fer('predict', facesFolder, `model=${run}`, 'faces=none');

  const percent = `${(100 * accuracy).toFixed(1)} %`;
  if (accuracy < LEAST_ACCURACY) {
    throw new Failed(`${percent} of ${n} faces recognised, expected ${100 * LEAST_ACCURACY} % or more`);
  }
  explain(
    `Done: ${percent} of ${n} unseen drawn faces, in ${((performance.now() - started) / 1000).toFixed(0)} s`,
    'Next, with photographs: get fer2013.csv (README.md says where) and train the network of the paper:',
    '',
    `  node ${cli} data fer2013.csv`,
    `  node ${cli} train data=fer2013.csv network=vgg name=my_vgg`,
    `  node ${cli} evaluate model=runs/my_vgg data=fer2013.csv split=PrivateTest`,
    '',
    `Every setting with its reason: node ${cli} train --help`,
  );
}

// Ctrl-C reaches the running command as well, which saves its state: wait for it.
process.on('SIGINT', () => {});
try {
  await quickstart();
} catch (error) {
  if (!(error instanceof Failed)) throw error;
  console.error(`\nquickstart: ${error.message}`);
  process.exitCode = error.code;
}
