/**
 * Every hyper-parameter and setting of the program, declared once: type, default, reason. The types of the
 * configurations, the parsing and checking of the command line, the help texts and the saved `config.json`
 * derive from these declarations.
 */
export {
  averageOptions,
  type BenchConfig,
  benchOptions,
  checkEvaluateConfig,
  checkExplainConfig,
  checkExportConfig,
  checkPredictConfig,
  checkReportConfig,
  type DataConfig,
  dataOptions,
  type EvaluateConfig,
  type ExplainConfig,
  type ExportConfig,
  evaluateOptions,
  explainOptions,
  exportOptions,
  type ImportConfig,
  importOptions,
  METHOD_NEEDS,
  methodOptions,
  type PredictConfig,
  predictOptions,
  type ReportConfig,
  reportOptions,
  type ServeConfig,
  serveOptions,
} from './config/models.ts';
export { DTYPES, THEMES } from './config/shared.ts';
export {
  checkTuneConfig,
  STUDIES,
  type TrialSettings,
  type TuneConfig,
  trialOptions,
  tuneOptions,
  type WorkerConfig,
  workerOptions,
} from './config/studies.ts';
export {
  AUTO_SETTINGS,
  OPTIMIZERS,
  optimizerOptions,
  RECIPES,
  resolveTrainConfig,
  type TrainConfig,
  trainOptions,
} from './config/training.ts';
export { checkTrainArguments, checkTrainConfig, TRAIN_NEEDS } from './config/trainingChecks.ts';
export { hasEffect } from './config/unused.ts';

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
