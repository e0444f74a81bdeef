import {
  averageOptions,
  benchOptions,
  checkEvaluateConfig,
  checkExplainConfig,
  checkExportConfig,
  checkPredictConfig,
  checkReportConfig,
  checkTrainArguments,
  checkTuneConfig,
  dataOptions,
  evaluateOptions,
  explainOptions,
  exportOptions,
  importOptions,
  predictOptions,
  RECIPES,
  reportOptions,
  SYNONYMS,
  serveOptions,
  trainOptions,
  tuneOptions,
  workerOptions,
} from '../config.ts';
import { type Verb, verb } from './verb.ts';

/** Every verb, in the order of `fer --help`. */
export const VERBS: readonly Verb[] = [
  verb({
    name: 'train',
    summary: 'train a network; weights, settings and history go to runs/NAME/',
    options: trainOptions,
    recipes: RECIPES,
    synonyms: SYNONYMS,
    check: checkTrainArguments,
    examples: [
      'fer train data=fer2013.csv network=vgg name=my_vgg bs=128 lr=0.01',
      'fer train data=fer2013.csv name=paper recipe=paper',
      'fer train data=fer2013.csv name=my_vgg resume=true',
      'fer train data=synthetic name=try width=16 n_epochs=3',
    ],
    load: () => import('./train.ts'),
  }),
  verb({
    name: 'tune',
    summary: 'train many networks with different settings and compare them, in studies/NAME/',
    options: tuneOptions,
    synonyms: SYNONYMS,
    check: checkTuneConfig,
    about:
      'Settings from train= on take several values: lr=0.1,0.01 (and train=Training+PublicTest,Training, where ' +
      'a value is itself a list). Numbers take a range too, for search=random and search=asha: lr=1e-4..1e-1. ' +
      'The same command goes on with a study that was stopped; with more values, trials or seeds it does the new ' +
      'trials only.',
    examples: [
      'fer tune name=rates data=fer2013.csv lr=0.1,0.01,0.001 bs=32,64 n_epochs=10',
      'fer tune name=rates data=fer2013.csv lr=0.1,0.01,0.001 bs=32,64 n_epochs=10 seeds=3',
      'fer tune name=wide data=fer2013.csv search=asha trials=30 lr=1e-4..1e-1 n_epochs=27',
      'fer tune name=optimizers study=optimizers data=fer2013.csv n_epochs=6 limit=4000 width=16 jobs=2',
      'fer tune name=far data=fer2013.csv lr=0.1,0.01 queue=redis://host:6379',
    ],
    load: () => import('./tune.ts'),
  }),
  verb({
    name: 'worker',
    summary: 'run the trials of fer tune queue=... on this machine',
    options: workerOptions,
    examples: [
      'fer worker queue=redis://host:6379 data=fer2013.csv',
      'fer worker queue=redis://host:6379 data=fer2013.csv,faces/ studies=/mnt/shared/studies jobs=4',
    ],
    load: () => import('./worker.ts'),
  }),
  verb({
    name: 'evaluate',
    summary: 'accuracy, per-class figures and confusion matrix of a trained network',
    options: evaluateOptions,
    synonyms: SYNONYMS,
    check: checkEvaluateConfig,
    examples: [
      'fer evaluate model=runs/my_vgg data=fer2013.csv',
      'fer evaluate model=runs/my_vgg data=fer2013.csv split=PrivateTest json=true > figures.json',
      'fer evaluate model=runs/my_vgg+runs/other data=fer2013.csv',
    ],
    load: () => import('./evaluate.ts'),
  }),
  verb({
    name: 'report',
    summary: 'one HTML page about a run: figures with intervals, mistakes, saliency; or runs compared',
    options: reportOptions,
    synonyms: SYNONYMS,
    check: checkReportConfig,
    positionals: {
      label: 'RUN...',
      help: 'a run folder; several are compared on the same images, each pair by a test',
      min: 1,
      max: 7,
    },
    examples: [
      'fer report runs/my_vgg data=fer2013.csv',
      'fer report runs/my_vgg runs/other runs/paper data=fer2013.csv out=comparison.html',
    ],
    load: () => import('./report.ts'),
  }),
  verb({
    name: 'predict',
    summary: 'expressions of the faces in photographs, or in face crops (JPEG, PNG, WebP)',
    options: predictOptions,
    synonyms: SYNONYMS,
    check: checkPredictConfig,
    positionals: {
      label: 'IMAGE|FOLDER...',
      help: 'pictures, and folders to look through for pictures',
      min: 1,
      max: Number.POSITIVE_INFINITY,
    },
    examples: [
      'fer predict photo.jpg model=runs/my_vgg annotate=marked',
      'fer predict crops/ model=runs/my_vgg faces=none json=true',
    ],
    load: () => import('./predict.ts'),
  }),
  verb({
    name: 'explain',
    summary: 'saliency maps: where in a face a score comes from',
    options: explainOptions,
    synonyms: SYNONYMS,
    check: checkExplainConfig,
    positionals: {
      label: 'IMAGE|FOLDER...',
      help: 'pictures, and folders to look through for pictures',
      min: 1,
      max: Number.POSITIVE_INFINITY,
    },
    examples: [
      'fer explain face.jpg model=runs/my_vgg',
      'fer explain faces/ model=runs/my_vgg out=maps method=gradient+integrated+gradcam target=fear',
    ],
    load: () => import('./explain.ts'),
  }),
  verb({
    name: 'average',
    summary: 'the mean of several networks, with batch-norm statistics re-estimated',
    options: averageOptions,
    synonyms: SYNONYMS,
    positionals: {
      label: 'MODEL...',
      help: 'run or model folders, or .safetensors files in them; epochs of a run, for instance',
      min: 1,
      max: 1000,
    },
    about:
      'Weights of one training, or of several that started from the same ones and drew no layers anew, can be averaged; those of ' +
      'trainings from different seeds cannot: those stand side by side with of=answers, and a training can start from what comes of it. A ' +
      'single network trained with mixup, cutmix or much augmentation may gain as well: its ' +
      'running statistics are of pictures as trainings see them, not of those that it is asked about.',
    examples: [
      'fer average runs/a/epoch_20.safetensors runs/a name=mean data=fer2013.csv',
      'fer average runs/my_vgg name=measured data=fer2013.csv',
      'fer average runs/seed_1 runs/seed_2 of=answers name=both data=fer2013.csv',
    ],
    load: () => import('./average.ts'),
  }),
  verb({
    name: 'export',
    summary: 'a trained network to pass on: weights with settings and model card, or an ONNX file',
    options: exportOptions,
    synonyms: SYNONYMS,
    check: checkExportConfig,
    examples: [
      'fer export model=runs/my_vgg out=models/my_vgg data=fer2013.csv',
      'fer export model=runs/my_vgg out=models/my_vgg dtype=fp16 data=fer2013.csv',
      'fer export model=runs/my_vgg format=onnx out=my_vgg.onnx',
    ],
    load: () => import('./export.ts'),
  }),
  verb({
    name: 'import',
    summary: 'weights of another program (a PyTorch state_dict as safetensors) as a model',
    options: importOptions,
    synonyms: SYNONYMS,
    positionals: {
      label: 'FILE',
      help: 'a .safetensors file with the names of the original',
      min: 1,
      max: 1,
    },
    examples: ['fer import weights.safetensors name=original'],
    load: () => import('./import.ts'),
  }),
  verb({
    name: 'serve',
    summary: 'the page, which recognises in the browser, and POST /api/predict for programs',
    options: serveOptions,
    synonyms: SYNONYMS,
    examples: [
      'fer serve',
      'fer serve model=runs/my_vgg port=8080',
      'fer serve host=0.0.0.0 port=80 concurrency=16 cors=https://example.org',
    ],
    load: () => import('./serve.ts'),
  }),
  verb({
    name: 'bench',
    summary: 'images a second of this build on this machine',
    options: benchOptions,
    synonyms: SYNONYMS,
    examples: [
      'fer bench',
      'fer bench what=infer bs=1 crops=10 threads=2',
      'fer bench profile=true json=true',
    ],
    load: () => import('./bench.ts'),
  }),
  verb({
    name: 'data',
    summary: 'what is in a dataset: splits, classes, bad rows',
    options: dataOptions,
    synonyms: SYNONYMS,
    positionals: {
      label: 'PATH',
      help: 'a csv, a folder of images, synthetic or synthetic:N',
      min: 1,
      max: 1,
    },
    examples: ['fer data fer2013.csv', 'fer data faces/ json=true', 'fer data synthetic:1000'],
    load: () => import('./data.ts'),
  }),
];
