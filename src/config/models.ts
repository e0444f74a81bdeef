/** Settings of the verbs that use a trained network, and of those that look at data or speed. */
import { SPLITS } from '../data/dataset.ts';
import { BASELINES } from '../explain/baseline.ts';
import { METHOD_NAMES } from '../explain/methods.ts';
import { ONNX_INPUTS } from '../export/onnx/inputs.ts';
import { DETECTION } from '../face/options.ts';
import { type ConfigOf, group, option, required, variant } from './option.ts';
import { DTYPES, shared } from './shared.ts';
import { trainOptions } from './training.ts';
import { type Needs, refuseUnused, refuseWithoutEffect } from './unused.ts';
import { bool, choice, float, int, several, text, type ValueType } from './value.ts';

/** Of the verbs that a network only looks for, where a face is one crop or ten. */
const cropsAStep = variant(shared.bs, { help: 'crops a step: with crops=10, ten a face' });

export const evaluateOptions = {
  model: option(
    text(/^/),
    '',
    'a run or model folder, or a .safetensors file in one; default: the network that comes with fer; several, joined by +, answer together: the mean of their scores',
  ),
  data: shared.data,
  labels: shared.labels,
  split: option(choice(SPLITS), 'PublicTest', 'the part of the data to judge on'),
  crops: shared.crops,
  limit: shared.limit,
  bs: cropsAStep,
  threads: shared.threads,
  device: shared.device,
  precision: shared.precision,
  out: option(
    text(/^/),
    '',
    'folder for figures, predictions and confusion matrix; a name that ends in .json: one file, the figures',
  ),
  theme: shared.theme,
  json: shared.json,
};

export const reportOptions = {
  data: shared.data,
  labels: shared.labels,
  split: option(
    choice(SPLITS),
    'PrivateTest',
    'the part of the data to judge on; by default one that trainings neither learn from nor watch',
  ),
  out: option(
    text(/^/),
    '',
    'the HTML file; default: report.html in the run folder, of several runs in this folder',
  ),
  crops: shared.crops,
  limit: shared.limit,
  resamples: option(
    int({ min: 100, max: 100_000 }),
    2000,
    'draws of the bootstrap: more make the intervals steadier',
  ),
  seed: option(int({ min: 0, max: 0xffffffff }), 0, 'start of the random draws of the bootstrap'),
  mistakes: option(int({ min: 0, max: 1000 }), 20, 'most confident mistakes shown'),
  faces: option(
    int({ min: 0, max: 100 }),
    4,
    'faces of each expression shown with saliency maps; 0: no maps, which takes less time',
  ),
  bs: cropsAStep,
  threads: shared.threads,
  device: shared.device,
  json: shared.json,
};

export const predictOptions = {
  model: shared.model,
  faces: option(
    choice(['auto', 'none']),
    'auto',
    'auto finds the faces of a photograph; none takes each picture as a face crop',
  ),
  annotate: option(text(/^/), '', 'folder for the photographs with boxes and labels'),
  min_score: option(
    float({ above: 0, max: 1 }),
    DETECTION.minScore,
    'faces that the detector is less sure of are left out',
  ),
  max_faces: option(
    int({ min: 0, words: { all: 0 } }),
    0,
    'keep at most this many faces of a photograph, the most certain ones',
  ),
  smallest: option(
    float({ above: 0, max: 1 }),
    DETECTION.smallest,
    "side of the smallest faces looked for, over the photograph's longer side; half of it takes four times as long",
  ),
  crops: shared.crops,
  bs: cropsAStep,
  threads: shared.threads,
  device: shared.device,
  json: shared.json,
};

export const exportOptions = {
  model: shared.model,
  out: required(text(), 'the folder to write, or the .onnx file'),
  format: option(
    choice(['safetensors', 'onnx']),
    'safetensors',
    'safetensors: a folder with weights, settings and model card; onnx: a file for other runtimes',
  ),
  dtype: option(
    choice(DTYPES, { float32: 'fp32', float16: 'fp16' }),
    'fp32',
    'precision of the weights; fp16 halves the file, and with data= its price in accuracy is printed',
  ),
  input: option(
    choice(ONNX_INPUTS),
    'faces',
    'onnx: grey faces as bytes, with scaling, crops= and averaging in the graph; or crops scaled to 0..1',
  ),
  check: option(
    bool(),
    true,
    'onnx: run the file in ONNX Runtime first and refuse it where its answers differ from ours',
  ),
  license: option(
    text(/^([A-Za-z0-9][A-Za-z0-9.+-]*)?$/, 'an SPDX identifier such as MIT or CC-BY-4.0'),
    '',
    'licence of weights and model card, such as MIT or CC-BY-4.0; default: not stated',
  ),
  overwrite: option(bool(), false, 'replace the files of a model that is there'),
  data: option(
    text(/^/),
    '',
    'measure the figures of the model card, or check the ONNX file, on fer2013.csv, a folder, synthetic:N',
  ),
  labels: shared.labels,
  splits: option(several(SPLITS), ['PublicTest'], 'the parts of the data to judge on'),
  crops: shared.crops,
  limit: shared.limit,
  bs: cropsAStep,
  threads: shared.threads,
  device: shared.device,
  json: shared.json,
};

export const importOptions = group('Options', {
  name: variant(trainOptions.name, { help: 'name of the model: its folder under runs=' }),
  runs: trainOptions.runs,
  network: shared.network,
  crop_size: shared.crop_size,
  classes: option(
    text(/^/),
    '',
    'names of the classes in the order of the outputs, joined with +; default: the seven of FER2013 in its order',
  ),
  drop: variant(trainOptions.drop, { help: 'dropout probability, for a training that starts from it' }),
  overwrite: variant(trainOptions.overwrite, { help: 'replace a model of the same name' }),
  json: shared.json,
});

/** What `fer average` takes the mean of. */
export const MEANS = ['weights', 'answers'] as const;

export const averageOptions = group('Options', {
  of: option(
    choice(MEANS),
    'weights',
    'weights: average the parameters of networks from one training; answers: put networks of one architecture side by side in one as wide as all together, whose logits are the mean of theirs',
  ),
  name: variant(trainOptions.name, { help: 'name of the result: its folder under runs=' }),
  runs: trainOptions.runs,
  data: shared.data,
  train: variant(trainOptions.train, { help: 'splits that the statistics of batch norm are measured on' }),
  limit: shared.limit,
  augmentations: variant(trainOptions.augmentations, {
    default: ['crop', 'flip'],
    help: 'what is drawn for each image; those of the ten crops are as near to them as it gets',
  }),
  bs: shared.bs,
  seed: trainOptions.seed,
  threads: shared.threads,
  device: shared.device,
  overwrite: variant(trainOptions.overwrite, { help: 'replace a model of the same name' }),
  json: shared.json,
});

/** What the methods of `explain` may be told. */
export const methodOptions = group('Methods', {
  samples: option(
    int({ min: 1, max: 10_000 }),
    32,
    'smoothgrad: noisy copies of the face whose gradients are averaged',
  ),
  noise: option(
    float({ min: 0, max: 10 }),
    0.15,
    'smoothgrad: standard deviation of the noise, as a share of the range of grey values in the face',
  ),
  seed: option(int({ min: 0, max: 0xffffffff }), 0, 'smoothgrad: start of the random draws'),
  steps: option(
    int({ min: 1 }),
    32,
    'integrated: points between baseline and face at first; more are added until the sum is complete',
  ),
  baseline: option(
    choice(BASELINES),
    'mean',
    'integrated, occlusion: the face without information; mean is its own mean grey',
  ),
  patch: option(int({ min: 1 }), 8, 'occlusion: side of the square that is covered, in pixels'),
  stride: option(
    int({ min: 1 }),
    4,
    'occlusion: pixels from one place of the square to the next; half of it takes four times as long',
  ),
});

export const explainOptions = {
  ...group('Options', {
    model: shared.model,
    out: option(text(), 'saliency', 'folder for the pictures (PNG, SVG) and the raw maps (.npy)'),
    method: option(
      several(METHOD_NAMES),
      ['gradient', 'gradcam', 'occlusion'],
      'shown side by side: pixels, regions, and what changes when a part is covered',
    ),
    target: option(
      text(/^/),
      '',
      'the label whose score is explained, as in target=happy; else the winning one',
    ),
    crops: shared.crops,
    theme: shared.theme,
    bs: cropsAStep,
    threads: shared.threads,
    device: shared.device,
    json: shared.json,
  }),
  ...methodOptions,
};

export const benchOptions = {
  what: option(choice(['train', 'infer']), 'train', 'a whole training step, or the forward pass alone'),
  network: shared.network,
  width: shared.width,
  crop_size: shared.crop_size,
  bs: shared.bs,
  crops: variant<1 | 10>(shared.crops, { default: 1, help: 'crops an image' }),
  steps: option(int({ min: 1 }), 10, 'steps timed, after the warm-up'),
  threads: shared.threads,
  device: shared.device,
  precision: shared.precision,
  profile: option(bool(), false, 'time each operation as well'),
  json: shared.json,
};

const written = text(/^(https?:\/\/[^/\s]+(\/\S*)?)?$/, 'an address such as https://fer.example.org');
const address: ValueType<string> = {
  ...written,
  parse: (given) => (given === '' || URL.canParse(given) ? written.parse(given) : undefined),
};

export const serveOptions = {
  model: shared.model,
  host: option(text(), '127.0.0.1', 'address to listen on; the default is reached from this machine alone'),
  port: option(int({ min: 0, max: 65535 }), 0, 'port; 0: a free one, which is printed'),
  runs: option(text(), 'runs', 'folder whose runs the page shows'),
  crops: variant(shared.crops, {
    help: 'crops per image that the service averages; ?crops= overrides it for one request',
  }),
  concurrency: option(
    int({ min: 1, max: 10_000 }),
    64,
    'requests running or waiting; further ones get 503 and may retry later',
  ),
  max_mb: option(int({ min: 1, max: 1024 }), 20, 'MiB of a request at most'),
  cors: option(
    text(/^(\*|https?:\/\/[^/\s]+)?$/, 'an origin such as https://example.org'),
    '',
    'origin whose pages may ask the service; empty: none',
  ),
  url: option(
    address,
    '',
    'public address behind a proxy; requests and pages of that name are then accepted as its own; empty: none',
  ),
  threads: shared.threads,
  device: shared.device,
  json: shared.json,
};

export const dataOptions = {
  limit: option(int({ min: 0 }), 100, 'bad rows listed at most; all are counted'),
  json: shared.json,
};

/** What the settings of the methods need to have any effect. */
export const METHOD_NEEDS = {
  samples: { of: 'method', values: ['smoothgrad'] },
  noise: { of: 'method', values: ['smoothgrad'] },
  seed: { of: 'method', values: ['smoothgrad'] },
  steps: { of: 'method', values: ['integrated'] },
  baseline: { of: 'method', values: ['integrated', 'occlusion'] },
  patch: { of: 'method', values: ['occlusion'] },
  stride: { of: 'method', values: ['occlusion'] },
} as const satisfies Needs<ExplainConfig>;

/** @throws UsageError for settings that were given and are of other methods */
export function checkExplainConfig(config: ExplainConfig, typed: ReadonlySet<string>): void {
  refuseWithoutEffect(METHOD_NEEDS, config, typed);
}

/** @throws UsageError for colours that were given where nothing is drawn */
export function checkEvaluateConfig({ out }: EvaluateConfig, typed: ReadonlySet<string>): void {
  if (out !== '' && !out.endsWith('.json')) return;
  const why = out === '' ? 'without out= nothing is drawn' : `${out} holds the figures alone`;
  refuseUnused(typed, ['theme'], `${why}. Give out=FOLDER, or leave it out`);
}

/** @throws UsageError for faces that were asked for where runs are compared */
export function checkReportConfig(
  config: ReportConfig,
  typed: ReadonlySet<string>,
  runs: readonly string[],
): void {
  if (runs.length === 1) return;
  const asked = (['mistakes', 'faces'] as const).filter((key) => config[key] > 0);
  const why = 'a report of several runs shows no faces. Ask for one run alone, or leave it out';
  refuseUnused(typed, asked, why);
}

/** @throws UsageError for options that were given and are about something else */
export function checkPredictConfig({ faces }: PredictConfig, typed: ReadonlySet<string>): void {
  if (faces !== 'none') return;
  const why = 'faces=none looks for no faces in a picture. Leave one of them out';
  refuseUnused(typed, ['annotate', 'min_score', 'max_faces', 'smallest'], why);
}

/** @throws UsageError for options that were given and are about something else */
export function checkExportConfig(
  { format, input, check, data }: ExportConfig,
  typed: ReadonlySet<string>,
): void {
  if (format === 'onnx' && !check) {
    const why = 'with check=false the file is tried on nothing. Leave out check=, or these';
    refuseUnused(typed, ['data', 'labels', 'splits', 'limit'], why);
  }
  const noData = data === '' && !typed.has('data');
  if (noData) {
    refuseUnused(typed, ['labels', 'splits', 'limit'], 'there is no data. Give data= too, or leave it out');
  }
  if (format === 'onnx') {
    refuseUnused(typed, ['license'], 'format=onnx writes no model card. Leave it out');
    if (input === 'crops') {
      refuseUnused(typed, ['crops'], 'input=crops takes single crops. Give input=faces, or leave it out');
    }
    return;
  }
  if (noData) {
    const why = `format=${format} has no use for it but to judge the weights, and there is no data`;
    refuseUnused(typed, ['crops'], `${why}. Give data= too, or leave it out`);
  }
  refuseUnused(typed, ['input', 'check'], `format=${format} has none. Give format=onnx, or leave it out`);
}

export type EvaluateConfig = ConfigOf<typeof evaluateOptions>;
export type ExplainConfig = ConfigOf<typeof explainOptions>;
export type ReportConfig = ConfigOf<typeof reportOptions>;
export type ExportConfig = ConfigOf<typeof exportOptions>;
export type ImportConfig = ConfigOf<typeof importOptions>;
export type PredictConfig = ConfigOf<typeof predictOptions>;
export type BenchConfig = ConfigOf<typeof benchOptions>;
export type DataConfig = ConfigOf<typeof dataOptions>;
export type ServeConfig = ConfigOf<typeof serveOptions>;
