import type { Option } from '../config/option.ts';
import { type TrainConfig, trainOptions } from '../config.ts';
import { grouped } from './format.ts';
import { type Html, html } from './html.ts';
import type { StoredRun } from './judgedRun.ts';

/** Settings of one start, not of the run. */
const PASSING: readonly string[] = ['resume', 'overwrite', 'restore_epoch', 'start_epoch', 'json'];

const KEYS = (Object.keys(trainOptions) as (keyof TrainConfig)[]).filter((key) => !PASSING.includes(key));

/** A setting as it is written on the command line. */
export function settingText(run: StoredRun, key: keyof TrainConfig): string {
  const option = trainOptions[key] as Option<unknown>;
  return option.type.show(run.record.train[key]);
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
    ...(record.from ? [['started from', record.from.file] as [string, string]] : []),
  ];
  return html`<p>What differs from the default is in bold.</p>
<div class="settings">${groups.map(table)}
<div><h3>Origin</h3><table><tbody>${origin.map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>\n`)}</tbody></table></div></div>`;
}

const CHANGED = html` class="changed"`;
