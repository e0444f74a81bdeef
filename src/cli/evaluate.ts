import type { evaluateOptions } from '../config.ts';
import type { Dataset, Split } from '../data/dataset.ts';
import { trainingImages } from '../data/duplicates.ts';
import { createBackend } from '../engine/createBackend.ts';
import { Ensemble } from '../evaluate/ensemble.ts';
import { facesPerStep } from '../evaluate/inference.ts';
import { facesOf, type Judgement, judge, predictionsOf } from '../evaluate/judge.ts';
import type { Metrics } from '../evaluate/metrics.ts';
import { Recognizer } from '../evaluate/recognizer.ts';
import { metricsText } from '../evaluate/table.ts';
import { makeFileFolder, makeFolder, writeFileAtomic } from '../io/files.ts';
import { pathList } from '../io/pathList.ts';
import { findOfList, loadFound, modelName } from '../nn/model.ts';
import { counted, percent } from '../term/numbers.ts';
import { readData } from './common.ts';
import type { Run } from './verb.ts';

/** `fer evaluate`: the figures of a model, or of several together, on a split. */
export const run: Run<typeof evaluateOptions> = async ({ config }, out) => {
  // Without a text it is the network that comes along.
  const paths = config.model === '' ? [''] : pathList(config.model, '+');
  const models = paths.map((path) => findOfList(path, config.model));
  const dataset = await readData(config, out);
  const faces = facesOf(dataset, config.split, models[0].description);
  const asFile = config.out.endsWith('.json');
  if (asFile) makeFileFolder(config.out);
  else if (config.out !== '') makeFolder(config.out);
  const backend = await createBackend(config);
  try {
    const batch = facesPerStep(config.bs, config.crops);
    const recognizers = models.map(
      (model) => new Recognizer(backend, loadFound(backend, model), { crops: config.crops, batch }),
    );
    const names = models.map(modelName);
    const recognizer = models.length > 1 ? new Ensemble(recognizers, names) : recognizers[0];
    const bar = out.progress({
      label: `${config.split} on ${backend.name}`,
      total: faces.targets.length,
      unit: 'images',
    });
    const judgement = await judge(recognizer, faces, (done) => bar.update(done));
    const metrics = withUnseen(judgement, dataset, config);
    // First where nothing can fail: figures that took minutes are not lost to a wrong out=.
    out.result(metrics, () => metricsText(metrics, { color: out.color }));
    if (asFile) {
      writeFileAtomic(config.out, `${JSON.stringify(metrics, null, 2)}\n`);
    } else if (config.out !== '') {
      const { writeEvaluation } = await import('../report/evaluationFiles.ts');
      const accuracy = `accuracy ${percent(metrics.accuracy)}`;
      const subtitle = `${names.join(' + ')} on ${config.split}, ${counted(metrics.n, 'image')}: ${accuracy}`;
      await writeEvaluation(config.out, { ...judgement, metrics }, { subtitle, theme: config.theme });
    }
  } finally {
    await backend.close();
  }
  return 0;
};

/** With the accuracy on what is unseen for certain, where a test split holds training images. */
function withUnseen(
  judgement: Judgement,
  dataset: Dataset,
  { split, limit }: { split: Split; limit: number },
): Metrics {
  const { targets, metrics } = judgement;
  // A part of Training says nothing of the rest.
  if (split === 'Training' || limit > 0) return metrics;
  const seen = trainingImages(dataset, split);
  const unseen = [...targets.keys()].filter((i) => !seen[i]);
  if (unseen.length === targets.length || unseen.length === 0) return metrics;
  const predictions = predictionsOf(judgement);
  const right = unseen.filter((i) => predictions[i].correct);
  return { ...metrics, unseen: { n: unseen.length, accuracy: right.length / unseen.length } };
}
