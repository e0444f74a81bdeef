/**
 * The library: what the command line does, for programs. Everything works on this machine and opens no
 * connection. Errors the caller can mend are `FerError`; wrong settings are `UsageError`.
 */
import { given, type Options } from './config/option.ts';
import { parseArguments } from './config/parse.ts';
import { checkTrainArguments, RECIPES, SYNONYMS, type TrainConfig, trainOptions } from './config.ts';
import { prepareRun } from './train/prepareRun.ts';

export type { TrainConfig } from './config.ts';
export {
  type Dataset,
  FACE_SIZE,
  FER2013_LABELS,
  type Fer2013Label,
  SPLITS,
  type Split,
} from './data/dataset.ts';
export { type LoadOptions, loadDataset } from './data/load.ts';
export { drawFace, type SyntheticOptions, synthetic } from './data/synthetic.ts';
export type { Backend } from './engine/backend.ts';
export { type BackendOptions, createBackend } from './engine/createBackend.ts';
export { DeviceError, FerError, Interrupted, PictureError, UsageError } from './errors.ts';
export { type AveragedMetrics, type ClassMetrics, computeMetrics, type Metrics } from './evaluate/metrics.ts';
export { type Recognition, Recognizer, type RecognizerOptions } from './evaluate/recognizer.ts';
export { metricsText } from './evaluate/table.ts';
export {
  Explainer,
  type ExplainerOptions,
  type ExplainRequest,
  type Explanation,
  type SaliencyMap,
  shownMap,
} from './explain/explainer.ts';
export type { MethodSettings } from './explain/method.ts';
export { METHOD_NAMES, METHODS, type MethodName } from './explain/methods.ts';
export { type PanelOptions, saliencyPanel } from './explain/panel.ts';
export { cropFace } from './face/crop.ts';
export { type DetectOptions, type Face, FaceDetector } from './face/detector.ts';
export { loadFaceModels } from './face/loadModels.ts';
export type { Box, RgbaImage } from './image/image.ts';
export { listImages } from './image/list.ts';
export { type Photo, readGrayImage, readPhoto } from './image/read.ts';
export { type ModelDescription, readModel, type StoredModel } from './nn/model.ts';
export { loadRecognizer, type NodeLoadOptions } from './recognize/node.ts';
export type {
  Cancellable,
  ExplainOptions,
  NodePicture,
  PhotoRecognizer,
  RawPicture,
  RecognizedFace,
  RecognizeOptions,
} from './recognize/types.ts';
export type { EpochRow } from './train/history.ts';
export type { RunProgress } from './train/runFolder.ts';
export { type TrainEnvironment, type TrainListener, type TrainResult, train } from './train/train.ts';

/** Settings of `fer train`: `name` and `data` must be given, the others have its defaults. */
export type TrainSettings = Pick<TrainConfig, 'name' | 'data'> & Partial<TrainConfig>;

/**
 * The configuration that `train` wants, from the settings of `fer train`. Settings, recipes and the
 * protection of existing runs are those of the command line: a name that exists needs `resume` or
 * `overwrite`, and a resumed run keeps its saved settings under the given ones.
 *
 * Make every configuration with it: it gives a resumed run the settings it was started with.
 *
 * @throws UsageError for a setting that does not exist or a value it does not take
 * @throws FerError if the run exists, does not where `resume` expects it, or is being trained
 */
export function prepareTraining(settings: TrainSettings): TrainConfig {
  const spec = {
    name: 'train',
    summary: '',
    options: trainOptions,
    recipes: RECIPES,
    synonyms: SYNONYMS,
    check: checkTrainArguments,
    examples: [],
  };
  const argv = Object.entries(given(settings)).map(([key, value]) => `${key}=${textOf(key, value)}`);
  return prepareRun(parseArguments(spec, argv));
}

/** A value as the command line would have it; a number that stands for a word as that word. */
function textOf(key: string, value: unknown): string {
  if (typeof value !== 'number' || !Object.hasOwn(trainOptions, key)) return String(value);
  return (trainOptions as Options)[key].type.show(value);
}
