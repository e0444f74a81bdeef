import type { Dataset } from '../../data/dataset.ts';
import type { ModelDescription } from '../../nn/model.ts';
import type { Evaluated, Rounding } from '../evaluated.ts';
import type { ExportDtype } from '../modelFolder.ts';
import type { Provenance } from '../provenance.ts';

/** What a model card tells of. */
export interface ModelCard {
  readonly name: string;
  /** Of the weights and the card, an SPDX identifier; empty: not stated. */
  readonly license: string;
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

/** The name of data, as far as its file's name gives it away. */
function nameOfData(source: string, labels: string): string {
  const name = source.replace(/[\\/]+$/, '').replace(/^.*[\\/]/s, '');
  if (name.startsWith('synthetic')) return 'drawn faces';
  if (labels !== '') return 'FER+';
  return /^(fer2013|icml_face_data)\.csv$/.test(name) ? 'FER2013' : name;
}

/** The data that the network learned from; empty where nobody knows. */
export function datasetName({ provenance }: Pick<ModelCard, 'provenance'>): string {
  const record = provenance?.record;
  return record?.train ? nameOfData(record.data.source, record.train.labels) : '';
}

/** The data that the figures are of. */
export function judgedName({ judged }: Pick<ModelCard, 'judged'>): string {
  return judged ? nameOfData(judged.source, judged.labels) : '';
}

/** Whether that is what it learned from, or a part of it, as far as contents and names tell; also where nobody knows. */
export function isOwnData(card: Pick<ModelCard, 'provenance' | 'judged'>): boolean {
  const record = card.provenance?.record;
  if (!record?.train || !card.judged) return true;
  return card.judged.hash === record.data.hash || judgedName(card) === datasetName(card);
}

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');
}
