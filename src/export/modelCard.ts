import { defaultsOf, type Option } from '../config/option.ts';
import { resolveTrainConfig, type TrainConfig, trialOptions } from '../config.ts';
import type { Dataset, Split } from '../data/dataset.ts';
import type { Interval } from '../evaluate/bootstrap.ts';
import type { ModelDescription } from '../nn/model.ts';
import { NETWORKS, type NetworkName } from '../nn/networks.ts';
import { counted, duration, grouped } from '../report/format.ts';
import { ancestryOf, ownSeen } from '../train/ancestry.ts';
import { bestRow } from '../train/history.ts';
import type { AverageRecord, RunRecord, UntrainedRecord } from '../train/runRecord.ts';
import { isUsed } from '../tune/usedSettings.ts';
import type { Evaluated, Rounding } from './evaluated.ts';
import type { ExportDtype } from './modelFolder.ts';
import type { Provenance } from './provenance.ts';

/** What a model card tells of. */
export interface ModelCard {
  readonly name: string;
  readonly description: ModelDescription;
  /** Numbers that were learned. */
  readonly parameters: number;
  readonly dtype: ExportDtype;
  /** Size of the file of the weights. */
  readonly bytes: number;
  /** The epoch the weights are of, where known. */
  readonly epoch?: number;
  readonly provenance?: Provenance;
  readonly crops: 1 | 10;
  /** The data that they were measured on, `source` as it was given. */
  readonly judged?: Pick<Dataset, 'source' | 'hash'> & { readonly labels: string; readonly limit: number };
  /** Figures of the weights as they are in the folder. */
  readonly evaluated: readonly Evaluated[];
  /** What half precision changed. */
  readonly rounding: readonly Rounding[];
}

/**
 * A model card in Hugging Face's form (https://huggingface.co/docs/hub/model-cards): metadata in YAML, then
 * Markdown.
 */
export function modelCard(card: ModelCard): string {
  return [
    metadata(card),
    `# ${card.name}`,
    introduction(card),
    `## How to use it\n\n${usage(card)}`,
    `## Intended use\n\n${INTENDED}`,
    `## Uses that are wrong or forbidden\n\n${FORBIDDEN}`,
    `## Training data\n\n${trainingData(card)}`,
    `## Training\n\n${training(card)}`,
    `## Evaluation\n\n${evaluation(card)}`,
    `## Limits\n\n${limits(card)}`,
    `## Licence and sources\n\n${SOURCES}`,
  ]
    .join('\n\n')
    .concat('\n');
}

const percent = (share: number, digits = 2): string => `${(100 * share).toFixed(digits)} %`;
const interval = ({ low, high }: Interval): string =>
  `${(100 * low).toFixed(2)} to ${(100 * high).toFixed(2)}`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');

/** The name of data, as far as its file's name gives it away. */
function nameOfData(source: string, labels: string): string {
  const name = source.replace(/[\\/]+$/, '').replace(/^.*[\\/]/s, '');
  if (name.startsWith('synthetic')) return 'drawn faces';
  if (labels !== '') return 'FER+';
  return /^(fer2013|icml_face_data)\.csv$/.test(name) ? 'FER2013' : name;
}

/** The data that the network learned from; empty where nobody knows. */
function datasetName({ provenance }: ModelCard): string {
  const record = provenance?.record;
  return record?.train ? nameOfData(record.data.source, record.train.labels) : '';
}

/** The data that the figures are of. */
function judgedName({ judged }: ModelCard): string {
  return judged ? nameOfData(judged.source, judged.labels) : '';
}

/** Whether that is what it learned from, or a part of it, as far as contents and names tell; also where nobody knows. */
function isOwnData(card: ModelCard): boolean {
  const record = card.provenance?.record;
  if (!record?.train || !card.judged) return true;
  return card.judged.hash === record.data.hash || judgedName(card) === datasetName(card);
}

const idOf = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

function metadata(card: ModelCard): string {
  const { name, description, evaluated, crops } = card;
  const data = datasetName(card);
  const id = idOf(data);
  const judged = judgedName(card);
  const text = JSON.stringify;
  const lines = [
    'license: mit',
    'library_name: fer',
    'pipeline_tag: image-classification',
    'tags:',
    ...['facial-expression-recognition', description.network, 'safetensors'].map((tag) => `  - ${tag}`),
    ...(id === '' ? [] : ['datasets:', `  - ${id}`]),
    'metrics:',
    '  - accuracy',
    '  - f1',
  ];
  if (evaluated.length > 0) {
    lines.push('model-index:', `  - name: ${text(name)}`, '    results:');
    for (const { split, judgement } of evaluated) {
      const { accuracy, macro } = judgement.metrics;
      lines.push(
        '      - task:',
        '          type: image-classification',
        '          name: Facial expression recognition',
        '        dataset:',
        `          name: ${text(judged || 'unknown')}`,
        `          type: ${text(idOf(judged) || 'unknown')}`,
        `          split: ${split}`,
        '        metrics:',
        '          - type: accuracy',
        `            name: ${text(`Accuracy, ${crops === 10 ? 'ten crops' : 'centre crop'}`)}`,
        `            value: ${accuracy.toFixed(6)}`,
        '          - type: f1',
        '            name: Macro F1',
        `            value: ${macro.f1.toFixed(6)}`,
      );
    }
  }
  return ['---', ...lines, '---'].join('\n');
}

const PAPER = 'Khaireddin and Chen ([arXiv 2105.03588](https://arxiv.org/abs/2105.03588))';
/** What each network is, and what the names of its tensors are. */
const KINDS: Readonly<Record<NetworkName, { readonly is: string; readonly names: string }>> = {
  vgg: {
    is: `the VGG-style network of ${PAPER}`,
    names: "the names and shapes of the original's PyTorch `state_dict`",
  },
  vgg_lite: {
    is: `the VGG-style network of ${PAPER} with one linear layer behind its convolutions instead of three`,
    names:
      "for its convolutions the names and shapes of the original's PyTorch `state_dict`; the linear layer is `lin`",
  },
};

function introduction(card: ModelCard): string {
  const { description, parameters, dtype, bytes, evaluated } = card;
  const { network, width, labels, imageSize, inputSize } = description;
  const { is: kind, names } = KINDS[network];
  const size = width === 64 ? '' : `, ${width} channels in its first stage instead of 64`;
  const usual = NETWORKS[network].inputSize;
  const others = inputSize === usual ? '' : ` instead of ${usual}x${usual}`;
  const figures = evaluated.map(({ split, judgement: { metrics }, bootstrap }) => {
    const { accuracy } = bootstrap.figures;
    return `${percent(metrics.accuracy)} on ${split} (95 % interval ${interval(accuracy)})`;
  });
  const result = figures.length === 0 ? '' : ` Accuracy: ${figures.join('; ')}.`;
  return (
    `Names the apparent facial expression in a grey picture of a face, ${imageSize}x${imageSize} pixels: one of ` +
    `${labels.join(', ')}. It is ${kind}${size}: ${grouped(parameters)} parameters, crops of ` +
    `${inputSize}x${inputSize}${others}.${result}\n\n` +
    `\`model.safetensors\` (${(bytes / 1e6).toFixed(1)} MB, ${dtypeText(dtype)}) has ${names}. ` +
    '`config.json` describes the network and its labels, `preprocessor_config.json` how a picture is prepared for it.'
  );
}

function dtypeText(dtype: ExportDtype): string {
  return dtype === 'fp16' ? 'weights in half precision, biases and batch norm in single' : 'single precision';
}

function usage({ name }: ModelCard): string {
  return [
    '```sh',
    `fer predict face.jpg model=${name}`,
    `fer evaluate model=${name} data=fer2013.csv split=PublicTest`,
    '```',
    '',
    'Other programs: scale grey values to 0..1 and nothing else; cut the crops of `preprocessor_config.json` (four ' +
      'corners and the centre, each also mirrored), average the logits of all ten, and take the softmax.',
  ].join('\n');
}

const INTENDED = [
  'Research and teaching on expression recognition; comparing networks on the same data; art, games and interfaces ' +
    'that react to a face a person shows on purpose, where a wrong answer harms nobody. People whose faces are ' +
    'analysed must know of it and have agreed to it.',
].join('\n');

const FORBIDDEN = [
  '- **An expression is not a feeling.** The answer is the label that the people who labelled the training data would ' +
    'probably give to this crop. It does not say what a person feels, thinks or will do, and nothing about a person ' +
    'may be decided by it: no hiring, grading, credit, insurance, health care, policing, border control, lie detection.',
  '- **At work and in education** the European Union forbids systems that infer the emotions of people, except for ' +
    'medical or safety reasons (AI Act, Regulation (EU) 2024/1689, Article 5(1)(f)).',
  '- **People must be told** when such a system is used on them (Article 50(3)); elsewhere emotion recognition is a ' +
    'high-risk use (Annex III), and data protection law applies to faces. Other countries have laws of their own.',
  '- Not for children, not for secret surveillance, not for sorting people by any trait.',
].join('\n');

function trainingData(card: ModelCard): string {
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
  const about =
    name === 'FER2013'
      ? ' (Goodfellow et al., [arXiv 1307.0414](https://arxiv.org/abs/1307.0414)): grey pictures of 48x48 pixels, ' +
        'collected by web searches for emotion words, with one label each. Its labels are noisy, some pictures show ' +
        'no face, and its classes are uneven. The data is not part of this folder and has terms of its own.'
      : name === 'FER+'
        ? ' (Barsoum et al., [arXiv 1608.01041](https://arxiv.org/abs/1608.01041)): the pictures of FER2013, of 48x48 pixels and ' +
          "collected by web searches for emotion words, with ten people's votes each for eight expressions. Pictures without " +
          'a clear label are left out. The data is not part of this folder and has terms of its own.'
        : '.';
  return [
    `${name}${about}`,
    '',
    `Images: ${images.join(', ')}. ${seen}${unknown}. SHA-256 of the content (labels, splits, pixels): \`${data.hash}\`.`,
  ].join('\n');
}

function training(card: ModelCard): string {
  const { provenance, epoch } = card;
  if (!provenance) return 'Not recorded.';
  const { record, history, commands } = provenance;
  if (!record.train) return untrained(record, commands);
  const { train, changes = [], averaged } = record;
  const best = bestRow(history);
  const seconds = history.reduce((sum, row) => sum + row.seconds, 0);
  const which =
    best === null
      ? ''
      : `${counted(history.length, 'epoch')} in ${duration(seconds)}${epoch === undefined ? '' : `; the weights are those after epoch ${epoch}`}` +
        (best.valAccuracy === null || train.val === 'none'
          ? '.'
          : `. The best epoch by ${train.val} was ${best.epoch} (${percent(best.valAccuracy)}, ` +
            `${train.eval_crops === 10 ? 'ten crops' : 'centre crop'}); \`history.csv\` has all of them.`);
  const average = averaged
    ? `${averageText(averaged)} What follows is the training of ${averaged.models.length === 1 ? 'those' : 'the first'}.\n\n`
    : '';
  const rows = changedSettings(train).map(([key, value]) => [`\`${key}\``, value]);
  const programs = [record, ...changes.flatMap(({ program }) => program ?? [])];
  const single = commands.filter((command) => !command.startsWith('#')).length === 1;
  return [
    average + which.replaceAll('\u00a0', ' '),
    '',
    `Settings ${changes.some(({ after }) => Object.keys(after).length > 0) ? 'at the end ' : ''}that differ from the defaults of this version:`,
    '',
    rows.length === 0 ? 'none.' : table(['setting', 'value'], rows),
    '',
    `Made by ${programs.map(({ version, git }) => `fer ${version}${git === null ? '' : ` (revision ${git})`}`).join(', then by ')} with`,
    '',
    '```sh',
    ...commands,
    '```',
    '',
    (single
      ? 'The same command with the same data gives '
      : `The same commands with the same data, each training stopped where a comment says so${programs.length > 1 ? ' and gone on with by the version named there' : ''}, give `) +
      'the same weights to the last bit on the same kind of machine.',
  ].join('\n');
}

function averageText({ models, of, train, augmentations }: AverageRecord): string {
  const names = models.map(({ file }) => `\`${file}\``).join(', ');
  const what =
    models.length === 1
      ? `The weights are those of ${names}`
      : of === 'answers'
        ? `The weights are those of ${names} side by side, whose logits are averaged`
        : `The weights are the mean of those of ${names}`;
  const drawn = augmentations.length === 0 ? 'centre crops' : augmentations.join(', ');
  return `${what}; the running statistics of batch norm were measured anew, on ${train.join(' and ')} (${drawn}).`;
}

/** Of weights that came from another program, or are an average whose first ones did. */
function untrained({ imported, averaged }: UntrainedRecord, commands: readonly string[]): string {
  const origin = imported
    ? ` ${averaged ? 'The first' : 'The weights'} came in the file \`${imported.file}\`, SHA-256 \`${imported.sha256}\`.`
    : '';
  if (!averaged) return `Not recorded.${origin}`;
  return [
    `${averageText(averaged)}${origin}`,
    '',
    'As far as it is known, made with',
    '',
    '```sh',
    ...commands,
    '```',
  ].join('\n');
}

function changedSettings(config: TrainConfig): [string, string][] {
  // What `auto` stands for is a default, too.
  const defaults = resolveTrainConfig({
    ...config,
    ...defaultsOf(trialOptions),
    optimizer: config.optimizer,
  });
  const { teacher, teacher_share, teacher_temperature } = config;
  const taught = teacher === '' ? {} : { teacher, teacher_share, teacher_temperature };
  const own = (Object.keys(trialOptions) as (keyof typeof trialOptions)[]).flatMap((key) => {
    const { type } = trialOptions[key] as Option<unknown>;
    const value = type.show(config[key]);
    const changed =
      key === 'optimizer' ? value !== trialOptions.optimizer.default : value !== type.show(defaults[key]);
    return changed && key !== 'device' && isUsed(config, key) ? [[key, value] as [string, string]] : [];
  });
  return [...Object.entries(taught).map(([key, value]): [string, string] => [key, String(value)]), ...own];
}

function evaluation(card: ModelCard): string {
  const { evaluated, rounding, crops, judged } = card;
  if (evaluated.length === 0) {
    return 'Not measured here: this card was written without data. `fer evaluate` measures, and `fer export` with `data=` writes the figures into this card.';
  }
  const part = judged && judged.limit > 0 ? ` (limit=${judged.limit} images of each split)` : '';
  const data = judged
    ? `On ${judgedName(card)}${part}; SHA-256 of its content: \`${judged.hash}\`.${isOwnData(card) ? '' : ` Its training was on other data: ${datasetName(card)}.`} `
    : '';
  const how =
    `${data}${crops === 10 ? 'Ten crops an image, their logits averaged' : 'The centre crop of each image'}. One network, no ` +
    'other test-time augmentation. Intervals: 95 %, percentile bootstrap over the images; they do not cover the ' +
    'choice of the seed.';
  const halves = rounding.map(({ split, n, before, after, changed, largest }) => {
    const difference = 100 * (after - before);
    return (
      `Half precision changed the accuracy on ${split} from ${percent(before)} to ${percent(after)} ` +
      `(${difference >= 0 ? '+' : '−'}${Math.abs(difference).toFixed(2)} points): ${grouped(changed)} of ` +
      `${grouped(n)} labels, logits by ${largest.toPrecision(2)} at most.`
    );
  });
  return [how, ...halves, ...evaluated.map((each) => splitSection(card, each))].join('\n\n');
}

/** What is to be known before figures on a split are believed. */
function caution(card: ModelCard, split: Split): string {
  const { provenance } = card;
  const record = provenance?.record;
  const isOwn = isOwnData(card);
  // Of other data, what was seen before may still be it.
  const { from, teachers, averaged } = (record ?? {}) as Partial<RunRecord>;
  const before = { from, teachers, averaged: averaged && { ...averaged, train: [] } };
  if (!isOwn && !from && !teachers?.length && !averaged) return '';
  const { learned, watched, known } = ancestryOf((isOwn ? record : before) ?? {});
  const own = ownSeen(isOwn && record ? record : {});
  const inherited = (by: readonly Split[]): string =>
    by.includes(split) ? '' : ', in a training before this one';
  if (learned.includes(split)) {
    return (
      `**The network learned from ${split}**${inherited(own.learned)}: these figures say how well it knows these ` +
      'images by heart.'
    );
  }
  if (watched.includes(split)) {
    return (
      `The epoch, and settings such as the rate, were chosen by ${split}${inherited(own.watched)}, so these figures ` +
      'are somewhat optimistic.'
    );
  }
  if (known) return '';
  const what =
    record?.train || record?.averaged
      ? 'the weights it was made from had seen before'
      : 'the network learned from';
  return `What ${what} is not recorded: ${split} may be among it.`;
}

function splitSection(card: ModelCard, { split, judgement, bootstrap, calibration }: Evaluated): string {
  const { metrics } = judgement;
  const { n, accuracy, labels } = metrics;
  const { figures, perClass } = bootstrap;
  const before = caution(card, split);
  const standardError = Math.sqrt((accuracy * (1 - accuracy)) / n);
  const summary: [string, string, Interval, boolean][] = [
    ['accuracy', percent(accuracy), figures.accuracy, true],
    ['balanced accuracy (mean recall)', percent(metrics.balancedAccuracy), figures.balancedAccuracy, true],
    ['macro F1', percent(metrics.macro.f1), figures.macroF1, true],
    ['top-2 accuracy', percent(metrics.top2), figures.top2, true],
    ['loss (nats)', metrics.loss.toFixed(4), figures.loss, false],
    ["Cohen's kappa", metrics.cohenKappa.toFixed(4), figures.cohenKappa, false],
    ['Matthews correlation', metrics.matthews.toFixed(4), figures.matthews, false],
    ['expected calibration error', percent(calibration.ece), figures.ece, true],
  ];
  const plain = ({ low, high }: Interval): string => `${low.toFixed(4)} to ${high.toFixed(4)}`;
  const cell = (value: number, of: Interval | null): string =>
    `${(100 * value).toFixed(1)}${of === null ? '' : ` (${(100 * of.low).toFixed(1)} to ${(100 * of.high).toFixed(1)})`}`;
  const { ece, overconfidence, bins } = calibration;
  return [
    `### ${split}: ${grouped(n)} images`,
    ...(before === '' ? [] : [before]),
    `The standard error of the accuracy is ${(100 * standardError).toFixed(2)} points.`,
    table(
      ['', 'figure', '95 % interval'],
      summary.map(([name, value, of, share]) => [name, value, share ? interval(of) : plain(of)]),
    ),
    'By class, in percent with 95 % intervals:',
    table(
      ['', 'images', 'recall', 'precision', 'F1'],
      metrics.perClass.map((each, c) => [
        each.label,
        grouped(each.support),
        cell(each.recall, perClass[c].recall),
        cell(each.precision, perClass[c].precision),
        cell(each.f1, perClass[c].f1),
      ]),
    ),
    'Confusion matrix (rows: target, columns: prediction; images):',
    table(
      ['', ...labels],
      metrics.confusion.map((row, c) => [labels[c], ...row.map((count) => grouped(count))]),
    ),
    `Calibration: confidence and accuracy are ${percent(ece)} apart on average (expected calibration error, ` +
      `${bins.length} bins); on the whole it is ${overconfidence >= 0 ? 'more confident than right' : 'right more often than its confidence suggests'}, by ${(100 * Math.abs(overconfidence)).toFixed(2)} points.`,
    table(
      ['confidence', 'images', 'mean confidence', 'accuracy'],
      bins
        .filter(({ count }) => count > 0)
        .map(({ low, high, count, confidence, accuracy: right }) => [
          `${(100 * low).toFixed(0)} to ${(100 * high).toFixed(0)} %`,
          grouped(count),
          percent(confidence ?? 0, 1),
          percent(right ?? 0, 1),
        ]),
    ),
  ].join('\n\n');
}

function limits(card: ModelCard): string {
  const { imageSize } = card.description;
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

const SOURCES = [
  'Weights and card: MIT. The training data has terms of its own.',
  '',
  '- Network and augmentation: Y. Khaireddin, Z. Chen, _Facial Emotion Recognition: State of the Art Performance on FER2013_, ' +
    '[arXiv 2105.03588](https://arxiv.org/abs/2105.03588).',
  '- FER2013: I. Goodfellow et al., _Challenges in Representation Learning_, [arXiv 1307.0414](https://arxiv.org/abs/1307.0414); ' +
    'it reports 65 ± 5 % for people.',
  '- Calibration error: C. Guo et al., [arXiv 1706.04599](https://arxiv.org/abs/1706.04599). AI Act: ' +
    '[Regulation (EU) 2024/1689](https://eur-lex.europa.eu/eli/reg/2024/1689/oj).',
].join('\n');
