// What each ingredient of a recipe adds, with seeds and spread, at a scale that can be repeated.
//
//     node lab/ladder.mjs data=fer2013.csv [way=add] [width=16] [limit=0] [n_epochs=12] [seeds=3] [jobs=1]
//         [threads=auto] [device=auto] [studies=studies] [only=TEXT] [json=false]
//
// way=add puts one ingredient after the other on top of the plainest training; way=leave takes one at a time out of
// them all. Every row is trainings of `fer tune`, which are kept: the same command goes on where it was stopped, and
// rows that are there are not trained again. Accuracy is that of the last epoch on PublicTest, mean and standard
// deviation over the seeds: the best epoch is chosen by chance as well. What helps a narrow network and a few epochs
// need not help a large one and many, least of all what makes learning harder (augmentation, mixup, dropout).
import { fer, options } from './peers/evaluate.mjs';

const given = options({
  data: '',
  way: 'add',
  width: 16,
  limit: 0,
  n_epochs: 12,
  seeds: 3,
  jobs: 1,
  threads: 'auto',
  device: 'auto',
  studies: 'studies',
  only: '',
  json: 'false',
});
const { way, only, json, ...scale } = given;

const MILD = 'crop+scale+flip+rotate';
/** The plainest training: whole pictures' centre, no augmentation, one rate. */
const PLAIN = {
  augment: false,
  augmentations: MILD,
  crops: 1,
  eval_crops: 1,
  optimizer: 'sgd_nesterov',
  lr: 0.01,
  bs: 64,
  drop: 0.2,
  weight_decay: 0.0001,
  no_decay: 'none',
  scheduler: 'constant',
  warmup: 0,
  label_smoothing: 0,
  mixup: 0,
  cutmix: 0,
  ema: 0,
  sam: 0,
};
/** In the order in which they are added. */
const INGREDIENTS = [
  { name: 'ten crops in the test', settings: { eval_crops: 10 } },
  { name: 'augmentation but shifts and erased boxes', settings: { augment: true } },
  { name: 'shifts and erased boxes', settings: { augmentations: 'crop+scale+shift+flip+rotate+erase' } },
  { name: 'cosine to zero, one epoch of warm-up', settings: { scheduler: 'cosine', warmup: 1 } },
  { name: 'rate 0.05, batch 128', settings: { lr: 0.05, bs: 128 } },
  {
    name: 'weight decay 5e-4, none on batch norm and biases',
    settings: { weight_decay: 0.0005, no_decay: 'norm+bias' },
  },
  { name: 'label smoothing 0.1', settings: { label_smoothing: 0.1 } },
  { name: 'mixup 0.2', settings: { mixup: 0.2 } },
  { name: 'cutmix 1, in turns with mixup', settings: { cutmix: 1 } },
  { name: 'moving average of the weights, 0.999', settings: { ema: 0.999 } },
  { name: 'gradients from up the slope, 0.05', settings: { sam: 0.05 } },
];

function rows() {
  if (way === 'add') {
    let settings = PLAIN;
    const steps = INGREDIENTS.map((step) => {
      settings = { ...settings, ...step.settings };
      return { name: `+ ${step.name}`, settings };
    });
    return [{ name: 'plain', settings: PLAIN }, ...steps];
  }
  if (way !== 'leave') throw new Error(`way=${way}: expected add or leave`);
  const all = Object.assign({}, PLAIN, ...INGREDIENTS.map(({ settings }) => settings));
  const without = INGREDIENTS.map(({ name, settings }) => {
    const plain = Object.fromEntries(Object.keys(settings).map((key) => [key, PLAIN[key]]));
    return { name: `without ${name}`, settings: { ...all, ...plain } };
  });
  return [{ name: 'all of it', settings: all }, ...without];
}

function measure({ name, settings }) {
  // Refused where nothing is drawn.
  const { augmentations, ...others } = settings;
  const own = settings.augment ? settings : others;
  const args = Object.entries({ ...scale, ...own, name: 'ladder', test: false });
  const record = fer('tune', ...args.map(([key, value]) => `${key}=${value}`));
  const [{ trials, seconds }] = record.configurations;
  const accuracies = trials.map((hash) => {
    const { status, accuracies: all, problem } = record.trials.find(({ trial }) => trial === hash);
    if (status !== 'finished') throw new Error(`${name}: ${problem}`);
    return all.at(-1);
  });
  const mean = accuracies.reduce((sum, value) => sum + value, 0) / accuracies.length;
  const squares = accuracies.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const std = accuracies.length > 1 ? Math.sqrt(squares / (accuracies.length - 1)) : null;
  return { name, mean, std, accuracies, seconds };
}

const results = [];
for (const row of rows()) {
  if (!row.name.includes(only)) continue;
  results.push(measure(row));
  const { name, mean } = results.at(-1);
  console.error(`${name}: ${(100 * mean).toFixed(2)} %`);
}
if (json === 'true') console.log(JSON.stringify({ way, scale, results }));
else {
  const points = (share) => (100 * share).toFixed(2);
  const signed = (difference) => `${difference < 0 ? '−' : '+'}${points(Math.abs(difference))}`;
  console.log(
    `width ${scale.width}, ${scale.n_epochs} epochs, limit ${scale.limit}, ${scale.seeds} seeds; PublicTest, last epoch\n`,
  );
  console.log(`| recipe | accuracy, % | change, points | seconds a training |`);
  console.log('| --- | ---: | ---: | ---: |');
  results.forEach(({ name, mean, std, seconds, accuracies }, i) => {
    // Of the row before where ingredients are added, of the full recipe where they are left out.
    const before = i === 0 ? undefined : way === 'add' ? results[i - 1] : results[0];
    const spread = std === null ? '' : ` ± ${points(std)}`;
    const change = before && only === '' ? signed(mean - before.mean) : '';
    console.log(
      `| ${name} | ${points(mean)}${spread} | ${change} | ${(seconds / accuracies.length).toFixed(0)} |`,
    );
  });
}
