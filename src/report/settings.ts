import type { Option } from '../config/option.ts';
import { type TrainConfig, trainOptions } from '../config.ts';
import { counted, grouped } from '../term/numbers.ts';
import { afterChanges } from '../train/changes.ts';
import { programText } from '../train/programVersion.ts';
import type { RunChange, RunRecord, WeightsOrigin } from '../train/runRecord.ts';
import { type Html, html } from './html.ts';
import type { StoredRun } from './judgedRun.ts';

/** Settings of one start, not of the run. */
const PASSING: readonly string[] = ['resume', 'overwrite', 'restore_epoch', 'start_epoch', 'json'];

const KEYS = (Object.keys(trainOptions) as (keyof TrainConfig)[]).filter((key) => !PASSING.includes(key));

/** A setting as it is written on the command line; where it changed on the way, every value and when it began. */
export function settingText({ record }: Pick<StoredRun, 'record'>, key: keyof TrainConfig): string {
  const first = shown(afterChanges(record, 0).train, key);
  const later = (record.changes ?? [])
    .filter(({ after }) => Object.hasOwn(after, key))
    .map((change) => `${shown(change.after, key) || '–'} from ${placeText(change)} on`);
  return later.length === 0 ? first : [first || '–', ...later].join('; ');
}

function shown(settings: Partial<TrainConfig>, key: keyof TrainConfig): string {
  return (trainOptions[key] as Option<unknown>).type.show(settings[key]);
}

function placeText({ epoch, images }: RunChange): string {
  return `epoch ${epoch + 1}${images === 0 ? '' : ` (after ${counted(images, 'image')})`}`;
}

/** What was other after a change. */
function changeText({ restored, before, after, program }: RunChange): string {
  const settings = (Object.keys(after) as (keyof TrainConfig)[]).map(
    (key) => `${key} ${shown(before, key) || '–'} → ${shown(after, key) || '–'}`,
  );
  return [
    ...(restored === undefined ? [] : [`back to the weights of epoch ${restored}`]),
    ...settings,
    ...(program ? [programText(program)] : []),
  ].join('; ');
}

/** Settings in which runs differ. */
export function differingKeys(runs: readonly StoredRun[]): (keyof TrainConfig)[] {
  return KEYS.filter((key) => new Set(runs.map((run) => settingText(run, key))).size > 1);
}

/** Every setting under its heading; what differs from the default is set off. */
export function settingsSection(run: StoredRun): Html {
  const { record } = run;
  const groups = [...new Set(KEYS.map((key) => trainOptions[key].group))];
  const changed = (key: keyof TrainConfig): boolean => {
    const option = trainOptions[key] as Option<unknown>;
    return option.default === undefined || option.type.show(option.default) !== settingText(run, key);
  };
  const table = (heading: string): Html => html`<div><h3>${heading}</h3><table><tbody>
${KEYS.filter((key) => trainOptions[key].group === heading).map(
  (key) =>
    html`<tr${changed(key) && CHANGED}><th scope="row">${key}</th><td>${settingText(run, key) || '–'}</td></tr>\n`,
)}</tbody></table></div>`;
  const images = Object.entries(record.data.images).map(([split, count]) => `${split} ${grouped(count)}`);
  const origin: [string, string][] = [
    ['data', record.data.source],
    ['SHA-256 of the data', record.data.hash.slice(0, 16)],
    ['images', images.join(', ')],
    ['labels', record.model.labels.join(', ')],
    ['fer', [record.version, record.git].filter(Boolean).join(', ')],
    ...sources(record),
  ];
  const changes = (record.changes ?? []).map((change): [string, string] => [
    `from ${placeText(change)} on`,
    changeText(change),
  ]);
  const rows = (heading: string, found: readonly [string, string][]): Html =>
    html`<div><h3>${heading}</h3><table><tbody>${found.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>\n`)}</tbody></table></div>`;
  const several = (record.averaged?.models.length ?? 0) > 1;
  return html`<p>What differs from the default is in bold.${several && ' The settings are those of the training of the first of the averaged networks.'}</p>
<div class="settings">${groups.map(table)}
${rows('Origin', origin)}${changes.length > 0 && rows('Changed on the way', changes)}</div>`;
}

/** The weights that those of a run were made from. */
function sources({ from, teachers = [], averaged }: RunRecord): [string, string][] {
  const files = (origins: readonly WeightsOrigin[]): string => origins.map(({ file }) => file).join(', ');
  const rows: [string, string][] = [];
  if (from) rows.push(['started from', from.file]);
  if (teachers.length > 0) rows.push(['taught by', files(teachers)]);
  if (averaged) {
    const { models, train, data, augmentations } = averaged;
    const drawn = augmentations.length === 0 ? 'centre crops' : augmentations.join(', ');
    rows.push(
      [models.length === 1 ? 'weights of' : 'mean of', files(models)],
      ['batch-norm statistics', `${train.join(', ')} of ${data} (${drawn})`],
    );
  }
  return rows;
}

const CHANGED = html` class="changed"`;
