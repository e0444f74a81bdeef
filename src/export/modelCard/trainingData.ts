import { grouped } from '../../term/numbers.ts';
import { ancestryOf } from '../../train/ancestry.ts';
import { datasetName, type ModelCard } from './card.ts';

/** What is known of published data, by its name. */
const ABOUT: Readonly<Record<string, string>> = {
  FER2013:
    ' (Goodfellow et al., [arXiv 1307.0414](https://arxiv.org/abs/1307.0414)): grey pictures of 48x48 pixels, ' +
    'collected by web searches for emotion words, with one label each. Its labels are noisy, some pictures show ' +
    'no face, and its classes are uneven. The data is not part of this folder and has terms of its own.',
  'FER+':
    ' (Barsoum et al., [arXiv 1608.01041](https://arxiv.org/abs/1608.01041)): the pictures of FER2013, of 48x48 ' +
    "pixels and collected by web searches for emotion words, with ten people's votes each for eight expressions. " +
    'Pictures without a clear label are left out. The data is not part of this folder and has terms of its own.',
};

/** What the network has seen. */
export function trainingData(card: ModelCard): string {
  const record = card.provenance?.record;
  const { learned, watched, known } = ancestryOf(record ?? {});
  const seen =
    `Learned from: ${learned.join(', ')}. Watched during training: ` +
    `${watched.length === 0 ? 'nothing' : watched.join(', ')}`;
  if (!record?.train) {
    const averaged = record?.averaged;
    if (!averaged) return 'Not recorded: these weights were made by another program and imported.';
    return (
      'Not recorded for all networks that these weights were made from: the first was made by another program and ' +
      `imported. What is known: ${seen}. SHA-256 of the content of the data that the statistics of batch norm ` +
      `were measured on: \`${averaged.hash}\`.`
    );
  }
  const { data } = record;
  const unknown = known ? '' : ', and what the weights it was made from had seen before is not recorded';
  const images = Object.entries(data.images)
    .filter(([, count]) => count > 0)
    .map(([split, count]) => `${split} ${grouped(count)}`);
  const name = datasetName(card);
  return [
    `${name}${ABOUT[name] ?? '.'}`,
    '',
    `Images: ${images.join(', ')}. ${seen}${unknown}. SHA-256 of the content (labels, splits, pixels): \`${data.hash}\`.`,
  ].join('\n');
}
