import { join } from 'node:path';
import type { averageOptions } from '../config.ts';
import { checkImageSize, imagesOf } from '../data/images.ts';
import { createBackend } from '../engine/createBackend.ts';
import { uploadData } from '../engine/deviceData.ts';
import { makeModelFolder, writeModelFolder } from '../export/modelFolder.ts';
import { averageProvenance } from '../export/provenance.ts';
import { averageWeights } from '../nn/averageWeights.ts';
import { joinNetworks } from '../nn/joinNetworks.ts';
import { loadModel, readWeights } from '../nn/model.ts';
import { grouped } from '../term/numbers.ts';
import { shellWord } from '../term/shellWord.ts';
import { measureNormStatistics } from '../train/normStatistics.ts';
import { originOf } from '../train/source.ts';
import { readData } from './common.ts';
import type { Run } from './verb.ts';

/** `fer average`: one network from several, or one with statistics of its own. */
export const run: Run<typeof averageOptions> = async ({ config, positionals: models }, out) => {
  const folder = join(config.runs, config.name);
  const average = config.of === 'answers' ? joinNetworks(models) : averageWeights(models);
  const averaged = { ...config, models: models.map(originOf) };
  const dataset = await readData(config, out);
  checkImageSize(dataset, average.description);
  const images = imagesOf(dataset, config.train, 'choose other splits with train=');
  makeModelFolder(folder, config.overwrite, 'name');
  const backend = await createBackend(config);
  try {
    const loaded = loadModel(backend, average);
    const label = `statistics on ${backend.name}`;
    const bar = out.progress({ label, total: images.length, unit: 'images' });
    const counted = await measureNormStatistics(backend, loaded, uploadData(backend, dataset), images, {
      batch: config.bs,
      augmentations: config.augmentations,
      seed: config.seed,
      onProgress: (done) => bar.update(done),
    });
    const tensors = await readWeights(backend, loaded.parameters);
    writeModelFolder(
      folder,
      { ...average, tensors },
      'fp32',
      averageProvenance(averaged, dataset.hash, average.description),
    );
    const { network, width } = average.description;
    out.result({ out: folder, models: averaged.models, model: average.description, images: counted }, () => {
      const several =
        config.of === 'answers'
          ? `${models.length} networks side by side`
          : `the average of ${models.length} networks`;
      const what = models.length === 1 ? models[0] : several;
      return (
        `${folder}: ${what} (${network} of width ${width}), its batch-norm statistics those of ` +
        `${grouped(counted)} images\n` +
        `to see what it is worth: fer evaluate model=${shellWord(folder)} data=${shellWord(config.data)}`
      );
    });
  } finally {
    await backend.close();
  }
  return 0;
};
