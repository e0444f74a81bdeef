/**
 * Every hyper-parameter and setting of the program, declared once: type, default, reason. The types of the
 * configurations, the parsing and checking of the command line, the help texts and the saved `config.json`
 * derive from these declarations.
 */
import { type ConfigOf, group, omit, option, required, variant } from './config/option.ts';
import { searchable } from './config/searchable.ts';
import { bool, choice, float, int, secret, several, text } from './config/value.ts';
import { SPLITS } from './data/dataset.ts';
import { FER_PLUS_MODES } from './data/ferPlusModes.ts';
import { UsageError } from './errors.ts';
import { BASELINES } from './explain/baseline.ts';
import { METHOD_NAMES } from './explain/methods.ts';
import { ONNX_INPUTS } from './export/onnx/inputs.ts';
import { DETECTION } from './face/options.ts';
import { NETWORKS, type NetworkName } from './nn/networks.ts';
import { OPTIMIZER_DEFAULTS, type OptimizerName, UNDECAYED } from './optim/optimizers.ts';

export const OPTIMIZERS = Object.keys(OPTIMIZER_DEFAULTS) as OptimizerName[];
export const SCHEDULERS = [
  'constant',
  'linear',
  'step',
  'cosine',
  'cosine_warm_restarts',
  'one_cycle',
  'plateau',
] as const;
export const THEMES = ['light', 'dark'] as const;
export const DTYPES = ['fp32', 'fp16'] as const;
export const DEVICES = ['auto', 'cpu', 'gpu', 'gpu-software', 'reference'] as const;

const AUTO_THREADS = { auto: 0 } as const;

/** Stand for the optimizer's own value: numbers that nobody could mean. */
const AUTO_ABOVE_ZERO = { auto: 0 } as const;
const AUTO_FROM_ZERO = { auto: -1 } as const;

/** What `auto` stands for: `0.1 for sgd, asgd; 1 for adadelta; else 0.01`. */
function autoText(key: 'lr' | 'weight_decay' | 'eps'): string {
  const byValue = new Map<number, OptimizerName[]>();
  for (const name of OPTIMIZERS) {
    const value = OPTIMIZER_DEFAULTS[name][key];
    byValue.set(value, [...(byValue.get(value) ?? []), name]);
  }
  const show = (value: number): string => (value < 1e-3 ? value.toExponential() : String(value));
  const [[most], ...others] = [...byValue].sort(([, a], [, b]) => b.length - a.length);
  const named = others.map(([value, names]) => `${show(value)} for ${names.join(', ')}; `);
  return `auto is ${named.join('')}else ${show(most)}`;
}

/** A run is a folder, so its name must be a plain file name on every system. */
const RUN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** The user's name and password in it are never printed. */
const QUEUE_URL = 'redis://HOST:PORT, or redis://USER:PASSWORD@HOST:PORT/DATABASE';
const queueUrl = secret(text(/^rediss?:\/\/\S+$/, QUEUE_URL));
const queueUrlOrNone = secret(text(/^(rediss?:\/\/\S+)?$/, QUEUE_URL));

/** Options that several verbs share. */
const shared = {
  data: required(text(), 'fer2013.csv, icml_face_data.csv, a folder of images, synthetic or synthetic:N'),
  labels: option(text(/^/), '', 'fer2013new.csv of FER+: its eight labels in place of those of fer2013.csv'),
  model: option(
    text(/^/),
    '',
    'a run or model folder, or a .safetensors file in one; default: the network that comes with fer',
  ),
  network: option(
    choice(Object.keys(NETWORKS) as NetworkName[]),
    'vgg',
    'architecture; vgg is the network of the paper',
  ),
  width: option(
    int({ min: 1, max: 1024 }),
    64,
    'channels of the first stage; the others scale with it, and time with its square',
  ),
  bs: option(int({ min: 1, max: 4096, log: true }), 64, 'images a step'),
  crops: option(
    choice([1, 10]),
    10,
    '10 averages the logits of corners, centre and mirrors; 1 is the centre',
  ),
  limit: option(int({ min: 0 }), 0, 'only the first so many images of each split; 0 is all'),
  threads: option(
    int({ min: 0, max: 256, words: AUTO_THREADS }),
    0,
    'worker threads; auto is one a core. The result does not depend on it',
  ),
  device: option(
    choice(DEVICES, { wasm: 'cpu', webgpu: 'gpu' }),
    'auto',
    'auto: a GPU if there is one, else cpu (WebAssembly); gpu-software: one that software imitates; reference: slow float64, the definition',
  ),
  theme: option(choice(THEMES), 'light', 'colours of the pictures'),
  json: option(bool(), false, 'one JSON value on standard output and nothing else there'),
};

/** What an optimizer is told; names and defaults are PyTorch's where it has them. */
export const optimizerOptions = group('Optimizer', {
  optimizer: option(
    choice(OPTIMIZERS, {
      nesterov: 'sgd_nesterov',
      momentum: 'sgd_momentum',
      amsgrad: 'adam_amsgrad',
      averaged_sgd: 'asgd',
    }),
    'sgd_nesterov',
    'the best of the seven compared in the paper',
  ),
  momentum: option(
    float({ min: 0, below: 1 }),
    0.9,
    'sgd_momentum and sgd_nesterov: share of the last step kept',
  ),
  weight_decay: option(
    float({ min: 0, log: true, words: AUTO_FROM_ZERO }),
    AUTO_FROM_ZERO.auto,
    `pull of every parameter towards zero, added to its gradient (adamw: apart from it); ${autoText('weight_decay')}`,
  ),
  no_decay: option(
    several(UNDECAYED, { none: 'none' }),
    [],
    'parameters without weight decay; norm: those of batch norm, bias: the biases of other layers',
  ),
  beta1: option(float({ min: 0, below: 1 }), 0.9, 'Adam: share of the mean gradient kept'),
  beta2: option(float({ min: 0, below: 1 }), 0.999, 'Adam: share of the mean squared gradient kept'),
  eps: option(
    float({ above: 0, log: true, words: AUTO_ABOVE_ZERO }),
    0,
    `keeps divisions finite; ${autoText('eps')}`,
  ),
  rho: option(float({ min: 0, below: 1 }), 0.9, 'adadelta: share of the mean squares kept'),
  lr_decay: option(float({ min: 0 }), 0, 'adagrad: the rate is divided by 1 + lr_decay·step'),
  ema: option(
    float({ min: 0, below: 1 }),
    0,
    'share kept by a moving average of the weights, which is validated and saved in their place; 0: none',
  ),
  asgd_lambd: option(float({ min: 0 }), 1e-4, 'asgd: decay of the parameters, and of the rate'),
  asgd_alpha: option(
    float({ min: 0 }),
    0.75,
    'asgd: the rate is divided by (1 + lambd·lr·step) to this power',
  ),
  asgd_t0: option(
    int({ min: 0 }),
    1_000_000,
    'asgd: steps before the average starts; until then it is the last weights',
  ),
});

export const trainOptions = {
  ...group('Run', {
    name: required(text(RUN_NAME, 'letters, digits, . _ and -'), 'name of the run: its folder under runs='),
    runs: option(text(), 'runs', 'folder that holds the run folders'),
    recipe: option(choice(['default', 'paper']), 'default', 'set of defaults; keys you give override it'),
    resume: option(bool(), false, 'go on where the run stopped; saved settings hold unless given again'),
    overwrite: option(bool(), false, 'delete a run of the same name first'),
    save_freq: option(
      int({ min: 0 }),
      20,
      'keep the weights of every so many epochs besides last and best; 0: none',
    ),
    restore_epoch: option(
      int({ min: 0 }),
      0,
      'start from the weights kept after this epoch of the run; 0: none',
    ),
    start_epoch: option(int({ min: 0 }), 0, 'number the epochs from here on; matters with restore_epoch'),
    from: option(
      text(/^/),
      '',
      'start from the weights of this run folder or .safetensors file; network and width are its own',
    ),
    curves: option(
      bool(),
      true,
      'draw accuracy, loss and learning rate after every epoch: curves.svg and .png',
    ),
    theme: shared.theme,
    tensorboard: option(bool(), false, 'write event files of TensorBoard to tensorboard/ in the run folder'),
    json: shared.json,
  }),
  ...group('Data', {
    data: shared.data,
    labels: shared.labels,
    ferplus: option(
      choice(FER_PLUS_MODES),
      'majority',
      'labels of FER+ in training: the majority, or one drawn from the votes anew in every epoch',
    ),
    train: option(several(SPLITS), ['Training'], 'splits to learn from'),
    val: option(
      choice([...SPLITS, 'none']),
      'PublicTest',
      'split that schedule, best weights and early stopping look at; none: the last weights are the best',
    ),
    limit: shared.limit,
    crops: variant<1 | 10>(shared.crops, {
      default: 1,
      help: 'crops of 40x40 an image and step in training; 10 costs ten times as much, as in the paper',
    }),
    augment: option(
      bool(),
      true,
      'random scale, shift, mirror, turn and erasing; without it the network learns by heart',
    ),
    mixup: option(
      float({ min: 0, max: 100 }),
      0,
      'blend each sample and its label with another; alpha of the Beta that draws the share of a step; 0: off',
    ),
    cutmix: option(
      float({ min: 0, max: 100 }),
      0,
      'put a box of another sample into each; alpha as for mixup; with both, a step draws one of them; 0: off',
    ),
    eval_crops: variant(shared.crops, { help: 'crops an image in validation, averaged' }),
  }),
  ...group('Network', {
    network: shared.network,
    width: shared.width,
    drop: option(float({ min: 0, below: 1 }), 0.2, 'dropout probability in the linear layers'),
  }),
  ...group('Optimization', {
    n_epochs: option(int({ min: 1, max: 100_000 }), 60, 'passes over the training images'),
    bs: shared.bs,
    lr: option(
      float({ above: 0, log: true, words: AUTO_ABOVE_ZERO }),
      0,
      `highest learning rate: after the warm-up, or the top of one_cycle; ${autoText('lr')}`,
    ),
    label_smoothing: option(
      float({ min: 0, below: 1 }),
      0,
      'probability spread over all classes in the target',
    ),
    patience: option(int({ min: 0 }), 0, 'stop after so many epochs without a better accuracy; 0: never'),
    seed: option(int({ min: 0, max: 0xffffffff }), 0, 'start of every random draw; same seed, same weights'),
  }),
  ...optimizerOptions,
  ...group('Schedule', {
    scheduler: option(
      choice(SCHEDULERS, {
        none: 'constant',
        steplr: 'step',
        cosine_annealing: 'cosine',
        cosine_wr: 'cosine_warm_restarts',
        onecycle: 'one_cycle',
        reduce_on_plateau: 'plateau',
        rlrop: 'plateau',
      }),
      'cosine',
      'learning rate over time; cosine falls to min_lr over the whole run',
    ),
    warmup: option(
      float({ min: 0 }),
      1,
      'epochs of linear rise before the schedule: large steps from random weights mislead',
    ),
    min_lr: option(float({ min: 0, log: true }), 0, 'where linear and the cosines end'),
    step_size: option(int({ min: 1 }), 20, 'step: epochs between two cuts'),
    gamma: option(float({ above: 0, max: 1 }), 0.5, 'step: learning rate is multiplied by it at a cut'),
    t_max: option(int({ min: 0 }), 0, 'cosine: epochs from the highest to the lowest rate; 0: the run'),
    t_0: option(int({ min: 1 }), 10, 'cosine_warm_restarts: epochs of the first cycle'),
    t_mult: option(int({ min: 1 }), 1, 'cosine_warm_restarts: each cycle is so many times the last'),
    pct_start: option(
      float({ above: 0, below: 1 }),
      0.3,
      'one_cycle: share of the run in which the rate rises',
    ),
    div_factor: option(float({ min: 1, log: true }), 25, 'one_cycle: starts at lr divided by it'),
    final_div_factor: option(float({ min: 1, log: true }), 1e4, 'one_cycle: ends at the start divided by it'),
    plateau_factor: option(float({ above: 0, below: 1 }), 0.75, 'plateau: learning rate is multiplied by it'),
    plateau_patience: option(int({ min: 0 }), 5, 'plateau: epochs without a better accuracy it tolerates'),
  }),
  ...group('Machine', { threads: shared.threads, device: shared.device }),
};

/** What each `recipe=` puts in place of the defaults. */
export const RECIPES = {
  default: {},
  // Khaireddin & Chen, arXiv 2105.03588, with the settings of their released training script.
  paper: {
    optimizer: 'sgd_nesterov',
    momentum: 0.9,
    lr: 0.01,
    weight_decay: 1e-4,
    scheduler: 'plateau',
    warmup: 0,
    plateau_factor: 0.75,
    plateau_patience: 5,
    bs: 64,
    crops: 10,
    drop: 0.2,
    n_epochs: 300,
    save_freq: 20,
  },
} as const satisfies Record<string, Partial<TrainConfig>>;

/** Names that other programs use, to point their users to ours. */
export const SYNONYMS: Readonly<Record<string, string>> = {
  batch: 'bs',
  batch_size: 'bs',
  dropout: 'drop',
  epochs: 'n_epochs',
  learning_rate: 'lr',
  wd: 'weight_decay',
  betas: 'beta1',
  epsilon: 'eps',
  lambd: 'asgd_lambd',
  schedule: 'scheduler',
  arch: 'network',
  dataset: 'data',
  checkpoint: 'model',
  methods: 'method',
  weights: 'model',
  workers: 'threads',
  project: 'runs',
};

export const evaluateOptions = {
  model: shared.model,
  data: shared.data,
  labels: shared.labels,
  split: option(choice(SPLITS), 'PublicTest', 'the part of the data to judge on'),
  crops: shared.crops,
  limit: shared.limit,
  bs: shared.bs,
  threads: shared.threads,
  device: shared.device,
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
  seed: option(int({ min: 0, max: 0xffffffff }), 0, 'start of the random draws'),
  mistakes: option(int({ min: 0, max: 1000 }), 20, 'most confident mistakes shown'),
  faces: option(
    int({ min: 0, max: 100 }),
    4,
    'faces of each expression shown with saliency maps; 0: no maps, which takes less time',
  ),
  bs: shared.bs,
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
  smallest: option(
    float({ above: 0, max: 1 }),
    DETECTION.smallest,
    "side of the smallest faces looked for, over the photograph's longer side; half of it takes four times as long",
  ),
  crops: shared.crops,
  bs: shared.bs,
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
  bs: shared.bs,
  threads: shared.threads,
  device: shared.device,
  json: shared.json,
};

export const importOptions = {
  name: variant(trainOptions.name, { help: 'name of the model: its folder under runs=' }),
  runs: trainOptions.runs,
  network: shared.network,
  classes: option(
    text(/^/),
    '',
    'names of the classes in the order of the outputs, joined with +; default: the seven of FER2013 in its order',
  ),
  drop: variant(trainOptions.drop, { help: 'dropout probability, for a training that starts from it' }),
  overwrite: variant(trainOptions.overwrite, { help: 'replace a model of the same name' }),
  json: shared.json,
};

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
    bs: shared.bs,
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
  bs: shared.bs,
  crops: variant<1 | 10>(shared.crops, { default: 1, help: 'crops an image' }),
  steps: option(int({ min: 1 }), 10, 'steps timed, after the warm-up'),
  threads: shared.threads,
  device: shared.device,
  profile: option(bool(), false, 'time each operation as well'),
  json: shared.json,
};

/** What the outcome of a training depends on, beside the data and the program. */
export const serveOptions = {
  model: shared.model,
  host: option(text(), '127.0.0.1', 'address to listen on; the default is reached from this machine alone'),
  port: option(int({ min: 0, max: 65535 }), 0, 'port; 0: a free one, which is printed'),
  runs: option(text(), 'runs', 'folder whose runs the page shows'),
  crops: variant(shared.crops, { help: 'crops an image of the service, averaged; ?crops= asks otherwise' }),
  concurrency: option(
    int({ min: 1, max: 10_000 }),
    64,
    'pictures in work or waiting; more are answered with 503, to come back later',
  ),
  max_mb: option(int({ min: 1, max: 1024 }), 20, 'MiB of a request at most'),
  cors: option(
    text(/^(\*|https?:\/\/[^/\s]+)?$/, 'an origin such as https://example.org'),
    '',
    'origin whose pages may ask the service; empty: none',
  ),
  threads: shared.threads,
  device: shared.device,
  json: shared.json,
};

export const trialOptions = omit(trainOptions, [
  ...([
    'name',
    'runs',
    'recipe',
    'resume',
    'overwrite',
    'save_freq',
    'restore_epoch',
    'start_epoch',
    'from',
    'curves',
    'theme',
    'tensorboard',
  ] as const),
  ...(['data', 'labels', 'ferplus', 'limit', 'threads', 'json'] as const),
]);

export const STUDIES = ['own', 'optimizers', 'schedulers', 'grid'] as const;

export const tuneOptions = {
  ...group('Study', {
    name: required(
      text(RUN_NAME, 'letters, digits, . _ and -'),
      'name of the study: its folder under studies=; the same name goes on where it stopped',
    ),
    studies: option(text(), 'studies', 'folder that holds the study folders'),
    study: option(
      choice(STUDIES),
      'own',
      'a ready-made set of trials, those of the paper; keys you give override it',
    ),
    recipe: trainOptions.recipe,
    search: option(
      choice(['grid', 'random', 'asha']),
      'grid',
      'grid: every combination; random: trials= drawn ones; asha: as random, and only the best train to the end',
    ),
    trials: option(int({ min: 1, max: 100_000 }), 20, 'random and asha: configurations drawn'),
    reduction: option(
      int({ min: 2, max: 100 }),
      3,
      'asha: one configuration in so many goes on, to so many times the epochs',
    ),
    min_epochs: option(int({ min: 1 }), 1, 'asha: epochs before the first choice'),
    seeds: option(int({ min: 1, max: 1000 }), 1, 'trainings of each configuration: mean and deviation'),
    seed: variant(trainOptions.seed, {
      help: 'the first seed of each configuration, and that of the search',
    }),
    test: option(
      bool(),
      true,
      'judge each best network on PrivateTest too, where no trial learns from or watches it; no rank looks at it',
    ),
    theme: shared.theme,
    json: shared.json,
  }),
  ...group('Where it runs', {
    jobs: option(int({ min: 1, max: 256 }), 1, 'trials at a time, each with its share of the threads'),
    threads: variant(shared.threads, { help: 'threads of all trials together; auto is one a core' }),
    device: shared.device,
    queue: option(
      queueUrlOrNone,
      '',
      'let workers (fer worker) do the trials, through this Redis server; FER_QUEUE_PASSWORD may hold its password',
    ),
  }),
  ...group('Data', { data: shared.data, limit: shared.limit }),
  ...searchable(omit(trialOptions, ['seed', 'device'])),
};

export const workerOptions = {
  queue: required(queueUrl, 'the Redis server that fer tune was given'),
  data: option(
    text(/^/),
    '',
    'copies of the datasets that trials may ask for, separated by commas; synthetic ones need none',
  ),
  studies: option(
    text(),
    'studies',
    'where trials are kept; a folder shared between machines lets one go on where another died',
  ),
  jobs: option(int({ min: 1, max: 256 }), 1, 'trials at a time, each with its share of the threads'),
  threads: variant(shared.threads, { help: 'threads of all trials together; auto is one a core' }),
  lease: option(
    int({ min: 1, max: 3600 }),
    30,
    'seconds without a sign of life after which another worker takes a trial over',
  ),
};

export const dataOptions = {
  limit: option(int({ min: 0 }), 100, 'bad rows listed at most; all are counted'),
  json: shared.json,
};

export type TrainConfig = ConfigOf<typeof trainOptions>;
export type EvaluateConfig = ConfigOf<typeof evaluateOptions>;
export type ExplainConfig = ConfigOf<typeof explainOptions>;
export type ReportConfig = ConfigOf<typeof reportOptions>;
export type ExportConfig = ConfigOf<typeof exportOptions>;
export type ImportConfig = ConfigOf<typeof importOptions>;
export type PredictConfig = ConfigOf<typeof predictOptions>;
export type BenchConfig = ConfigOf<typeof benchOptions>;
export type DataConfig = ConfigOf<typeof dataOptions>;
export type TrialSettings = ConfigOf<typeof trialOptions>;
export type TuneConfig = ConfigOf<typeof tuneOptions>;
export type ServeConfig = ConfigOf<typeof serveOptions>;
export type WorkerConfig = ConfigOf<typeof workerOptions>;

/** The settings whose defaults depend on the optimizer, all left to it. */
export const AUTO_SETTINGS = {
  lr: AUTO_ABOVE_ZERO.auto,
  weight_decay: AUTO_FROM_ZERO.auto,
  eps: AUTO_ABOVE_ZERO.auto,
} as const;

/** The settings with the optimizer's own values in place of `auto`: what a run works with and saves. */
export function resolveTrainConfig(config: TrainConfig): TrainConfig {
  const own: Record<keyof typeof AUTO_SETTINGS, number> = OPTIMIZER_DEFAULTS[config.optimizer];
  const resolve = (key: keyof typeof AUTO_SETTINGS): number =>
    config[key] === AUTO_SETTINGS[key] ? own[key] : config[key];
  return { ...config, lr: resolve('lr'), weight_decay: resolve('weight_decay'), eps: resolve('eps') };
}

/**
 * Combinations of training settings that cannot be meant.
 *
 * @throws UsageError
 */
export function checkTrainConfig(config: TrainConfig): void {
  if (config.val === 'none') checkWithoutValidation(config);
  else if (config.train.includes(config.val)) {
    throw new UsageError(
      `train=${config.train.join('+')} contains val=${config.val}: accuracy on images the network learned from ` +
        'says nothing. Choose another split for one of them, or give val=none to train without validation.',
    );
  }
  if (config.ferplus === 'soft' && config.labels === '') {
    throw new UsageError('ferplus=soft is about the votes of FER+: give labels=fer2013new.csv too.');
  }
  if (config.resume && config.overwrite) {
    throw new UsageError('resume=true goes on with a run and overwrite=true deletes it: give one of them.');
  }
  if (config.optimizer === 'asgd' && config.ema > 0) {
    throw new UsageError(
      `optimizer=asgd keeps an average of its own, so ema=${config.ema} has no place: give one of them.`,
    );
  }
  if (config.optimizer === 'sgd_nesterov' && config.momentum === 0) {
    throw new UsageError('optimizer=sgd_nesterov needs momentum > 0: give momentum=0.9, or optimizer=sgd.');
  }
}

/** Refuses what would look at the accuracy of a validation that is not done. */
function checkWithoutValidation({ scheduler, patience }: TrainConfig): void {
  const needs =
    scheduler === 'plateau' ? 'scheduler=plateau' : patience > 0 ? `patience=${patience}` : undefined;
  if (needs === undefined) return;
  throw new UsageError(
    `${needs} looks at the accuracy on val=, and val=none has none: leave it out, or choose a split for val=.`,
  );
}
