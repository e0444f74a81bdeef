import type { ModelCard } from './card.ts';

/** How the model is used; the folder's place is the reader's to fill in. */
export const USAGE = [
  '```sh',
  'npx fer predict photo.jpg model=PATH_TO_THIS_FOLDER            # finds the faces of a photograph',
  'npx fer predict crops/ model=PATH_TO_THIS_FOLDER faces=none    # each picture is a crop of one face',
  'npx fer evaluate model=PATH_TO_THIS_FOLDER data=fer2013.csv split=PublicTest',
  '```',
  '',
  '`npx fer` is for a clone of the program and for projects that have it installed; anywhere else ' +
    '`node PATH_OF_THE_CLONE/dist/cli.js` is the same command. From a program:',
  '',
  '```ts',
  "import { loadRecognizer } from 'fer';",
  '',
  "const fer = await loadRecognizer({ model: 'PATH_TO_THIS_FOLDER' });",
  "const faces = await fer.recognize('photo.jpg');",
  'for (const { box, label, scores } of faces) console.log(box, label, scores);',
  "const [crop] = await fer.recognize('crop.png', { faces: 'none' });",
  'console.log(crop.label, crop.scores);',
  'await fer.close();',
  '```',
  '',
  'Other programs: scale grey values to 0..1 and nothing else; cut the crops of `preprocessor_config.json` (four ' +
    'corners and the centre, each also mirrored), average the logits of all ten, and take the softmax.',
].join('\n');

export const INTENDED = [
  'Research and teaching on expression recognition; comparing networks on the same data; art, games and interfaces ' +
    'that react to a face a person shows on purpose, where a wrong answer harms nobody. People whose faces are ' +
    'analysed must know of it and have agreed to it.',
].join('\n');

export const FORBIDDEN = [
  '- **An expression is not a feeling.** The answer is the label that the people who labelled the training data would ' +
    'probably give to this crop. It does not say what a person feels, thinks or will do, and nothing about a person ' +
    'may be decided by it: no hiring, grading, credit, insurance, health care, policing, border control, lie detection.',
  '- **At work and in education** the European Union forbids systems that infer the emotions of people, except for ' +
    'medical or safety reasons (AI Act, Regulation (EU) 2024/1689, Article 5(1)(f)).',
  '- **People must be told** when such a system is used on them (Article 50(3)); elsewhere emotion recognition is a ' +
    'high-risk use (Annex III), and data protection law applies to faces. Other countries have laws of their own.',
  '- Not for children, not for secret surveillance, not for sorting people by any trait.',
].join('\n');

export function limits({ description: { imageSize } }: ModelCard): string {
  return [
    `- It expects one face that fills a square crop, grey, ${imageSize}x${imageSize}. Other framing, profiles, masks, hands, strong light ` +
      'and small or blurred faces do worse.',
    '- Results differ between people: by age, sex, skin, culture, disability. The data says nothing about who is in it, ' +
      'so how large the differences are has not been measured here. Measure them on your own data before any use.',
    '- Rare classes are the weakest: look at the figures of each class, not at the accuracy alone.',
    '- It gives an answer for any picture, even one without a face; a high score does not prove that there is one.',
    '- It sees one moment and no context. People themselves agree on such labels in about two of three cases.',
  ].join('\n');
}

export function sources({ license }: ModelCard): string {
  const own = license === '' ? 'Licence: not stated.' : `Weights and card: ${license}.`;
  return [`${own} The training data has terms of its own.`, '', SOURCES].join('\n');
}

const SOURCES = [
  '- Network and augmentation: Y. Khaireddin, Z. Chen, _Facial Emotion Recognition: State of the Art Performance on FER2013_, ' +
    '[arXiv 2105.03588](https://arxiv.org/abs/2105.03588).',
  '- FER2013: I. Goodfellow et al., _Challenges in Representation Learning_, [arXiv 1307.0414](https://arxiv.org/abs/1307.0414); ' +
    'it reports 65 ± 5 % for people.',
  '- Calibration error: C. Guo et al., [arXiv 1706.04599](https://arxiv.org/abs/1706.04599). AI Act: ' +
    '[Regulation (EU) 2024/1689](https://eur-lex.europa.eu/eli/reg/2024/1689/oj).',
].join('\n');
