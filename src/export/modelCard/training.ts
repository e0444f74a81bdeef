import { defaultsOf, type Option } from '../../config/option.ts';
import { isUsed } from '../../config/usedSettings.ts';
import { resolveTrainConfig, type TrainConfig, trialOptions } from '../../config.ts';
import { counted, duration, percent } from '../../term/numbers.ts';
import { bestRow, type EpochRow } from '../../train/history.ts';
import type { AverageRecord, RunRecord, UntrainedRecord } from '../../train/runRecord.ts';
import type { Provenance } from '../provenance.ts';
import { type ModelCard, markdownTable } from './card.ts';

/** How the weights were made. */
export function training({ provenance, epoch }: ModelCard): string {
  if (!provenance) return 'Not recorded.';
  const { record, history, commands } = provenance;
  if (!record.train) return untrained(record, commands);
  const { train, changes = [], averaged } = record;
  const average = averaged ? `${averageText(averaged)} What follows is ${trainingOf(averaged)}.\n\n` : '';
  const rows = changedSettings(train).map(([key, value]) => [`\`${key}\``, value]);
  const programs = [record, ...changes.flatMap(({ program }) => program ?? [])];
  return [
    average + epochsText(train, history, epoch),
    '',
    `Settings ${changes.some(({ after }) => Object.keys(after).length > 0) ? 'at the end ' : ''}that differ from the defaults of this version:`,
    '',
    rows.length === 0 ? 'none.' : markdownTable(['setting', 'value'], rows),
    '',
    `Made by ${programs.map(({ version, git }) => `fer ${version}${git === null ? '' : ` (revision ${git})`}`).join(', then by ')} with`,
    '',
    '```sh',
    ...commands,
    '```',
    '',
    repetition(record, provenance),
  ].join('\n');
}

/** How many epochs there were, of which one the weights are, and which was the best. */
function epochsText(train: TrainConfig, history: readonly EpochRow[], epoch: number | undefined): string {
  const best = bestRow(history);
  if (best === null) return '';
  const { n_epochs, val, eval_crops } = train;
  const count =
    history.length < n_epochs ? `${history.length} of ${n_epochs} epochs` : counted(history.length, 'epoch');
  const seconds = history.reduce((sum, row) => sum + row.seconds, 0);
  const which = epoch === undefined ? '' : `; the weights are those after epoch ${epoch}`;
  const made = `${count} in ${duration(seconds)}${which}.`;
  if (best.valAccuracy === null || val === 'none') return made;
  return (
    `${made} The best epoch by ${val} was ${best.epoch} (${percent(best.valAccuracy)}, ` +
    `${eval_crops === 10 ? 'ten crops' : 'centre crop'}); \`history.csv\` has all of them.`
  );
}

/** Whether the commands give the weights again, and what is missing where that cannot be promised. */
function repetition(record: RunRecord, { history, commands }: Provenance): string {
  const { train, from, teachers = [], averaged, changes = [] } = record;
  const ended = hasEnded(train, history);
  const fromScratch = !from && teachers.length === 0 && !averaged && changes.length === 0;
  if (fromScratch && ended && commands.length === 1) {
    return 'The same command with the same data gives the same weights to the last bit on the same kind of machine.';
  }
  const program = changes.some((change) => change.program) ? ', and with which version' : '';
  return [
    `${commands.length === 1 ? 'This command documents' : 'These commands document'} how the weights were made.`,
    ...(commands.some((line) => line.startsWith('# the next one'))
      ? [
          'Weights that a comment names by their SHA-256 do not come along, and those that no command here makes ' +
            'are missing.',
        ]
      : []),
    ...(changes.length > 0
      ? [`A comment says where a training was stopped and how it went on${program}.`]
      : []),
    ...(ended ? [] : [stopText(train, history)]),
    'From the same data and the same weights before it, each command gives the same to the last bit on the same ' +
      'kind of machine.',
  ].join(' ');
}

/** Whether a training went on until its settings ended it. */
function hasEnded({ n_epochs, patience }: TrainConfig, history: readonly EpochRow[]): boolean {
  const [best, last] = [bestRow(history), history.at(-1)];
  if (!best || !last) return false;
  return last.epoch >= n_epochs || (patience > 0 && last.epoch - best.epoch >= patience);
}

function stopText({ name, n_epochs }: TrainConfig, history: readonly EpochRow[]): string {
  return history.length === 0
    ? `After how many epochs ${name} ended is not recorded.`
    : `${name} was stopped after ${history.length} of its ${n_epochs} epochs.`;
}

function averageText(average: AverageRecord): string {
  const { models, of, train, augmentations } = average;
  const epochs = epochsOfOne(average);
  const names = models.map(({ file }) => `\`${file}\``).join(', ');
  const what =
    models.length === 1
      ? `The weights are those of ${names}`
      : of === 'answers'
        ? `The weights are those of ${names} side by side, whose logits are averaged`
        : `The weights are the mean of those ${epochs ?? `of ${names}`}`;
  const drawn = augmentations.length === 0 ? 'centre crops' : augmentations.join(', ');
  return `${what}; the running statistics of batch norm were measured anew, on ${train.join(' and ')} (${drawn}).`;
}

/** Which training the record of an average tells of. */
function trainingOf(average: AverageRecord): string {
  if (epochsOfOne(average)) return 'that training';
  return `the training of ${average.models.length === 1 ? 'those' : 'the first'}`;
}

/** `after epochs 5 to 21 of runs/a`, where more than two were averaged that follow each other in one training. */
function epochsOfOne({ models, of }: AverageRecord): string | undefined {
  const found = models.map(({ file }) => /^(.*)\/epoch_(\d+)\.safetensors$/.exec(file));
  const [first] = found;
  const follow = found.every(
    (each, i) => each?.[1] === first?.[1] && Number(each?.[2]) === Number(first?.[2]) + i,
  );
  if (!first || !follow || models.length < 3 || of === 'answers') return undefined;
  return `after epochs ${first[2]} to ${found.at(-1)?.[2]} of \`${first[1]}\``;
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
