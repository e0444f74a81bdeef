import { alignColumns } from '../term/columns.ts';
import { counted, grouped, percent } from '../term/numbers.ts';
import { plainText } from '../term/plainText.ts';
import { BadRowCollector, type BadRows, badRowText } from './badRows.ts';
import { SPLITS, type Split } from './dataset.ts';
import { type Duplicates, findDuplicates } from './duplicates.ts';
import { findSource, type LoadOptions, readSource, type Source } from './load.ts';

/** What is in a dataset, as plain JSON. */
export interface DatasetSummary {
  readonly source: string;
  readonly kind: Source['kind'];
  /** Size of the csv, or of all pictures of a folder; 0 for synthetic faces. */
  readonly bytes: number;
  /** Rows of the csv or pictures of the folder, bad ones included. */
  readonly rows: number;
  /** Side of the images, in pixels. */
  readonly size: number;
  readonly labels: readonly string[];
  /** Good rows of each split: all of them, and by class. */
  readonly splits: Readonly<Record<Split, SplitSummary>>;
  /** Images with the pixels of another, among the good rows. */
  readonly duplicates: Readonly<Record<Split, Duplicates>>;
  readonly badRows: BadRows;
  /** The dataset's hash; null where bad rows keep it from being loaded. */
  readonly hash: string | null;
}

export interface SplitSummary {
  readonly total: number;
  readonly classes: Readonly<Record<string, number>>;
}

export interface DescribeOptions extends Omit<LoadOptions, 'limit'> {
  /** Bad rows listed at most; all are counted. */
  readonly badRowCap?: number;
}

/**
 * Looks through a dataset and lists all its bad rows where `loadDataset` would stop at the first.
 *
 * @throws FerError where no row can be read at all (missing path, missing column, empty file)
 */
export async function describeDataset(spec: string, options: DescribeOptions = {}): Promise<DatasetSummary> {
  const source = await findSource(spec, options);
  const badRows = new BadRowCollector(options.badRowCap);
  const { content, hash } = await readSource(source, { ...options, onBadRow: badRows.add });
  const { labels, size, targets } = content;
  const summarise = (split: Split): SplitSummary => {
    const counts = new Array<number>(labels.length).fill(0);
    for (const i of content.splits[split]) counts[targets[i]]++;
    return {
      total: content.splits[split].length,
      classes: Object.fromEntries(labels.map((label, k) => [label, counts[k]])),
    };
  };
  return {
    source: spec,
    kind: source.kind,
    bytes: source.kind === 'csv' ? source.bytes : source.kind === 'folder' ? source.list.bytes : 0,
    rows: targets.length + badRows.total,
    size,
    labels,
    splits: {
      Training: summarise('Training'),
      PublicTest: summarise('PublicTest'),
      PrivateTest: summarise('PrivateTest'),
    },
    duplicates: findDuplicates(content),
    badRows: { total: badRows.total, shown: badRows.shown },
    hash: badRows.total === 0 ? hash : null,
  };
}

/** The summary as text: a head, a table of classes by splits, what is there twice, the bad rows. No trailing newline. */
export function summaryText(summary: DatasetSummary): string {
  const { kind, bytes, rows, size, labels, splits, badRows, hash } = summary;
  const megabytes = bytes > 0 ? `, ${(bytes / 1e6).toFixed(1)} MB` : '';
  const table = [['', ...SPLITS, 'all']];
  const addRow = (name: string, count: (split: Split) => number): void => {
    const counts = SPLITS.map(count);
    table.push([plainText(name), ...[...counts, counts.reduce((a, b) => a + b, 0)].map((n) => grouped(n))]);
  };
  for (const label of labels) addRow(label, (split) => splits[split].classes[label]);
  addRow('all', (split) => splits[split].total);
  const lines = [
    `${summary.source} (${kind}${megabytes}): ${grouped(rows)} images of ${size} x ${size}`,
    hash === null ? 'cannot be used before its bad rows are mended' : `sha256 ${hash}`,
    '',
    ...alignColumns(table),
  ];
  const twice = SPLITS.flatMap((split) => duplicatesText(split, summary));
  if (twice.length > 0)
    lines.push('', 'the same pixels more than once:', ...twice.map((line) => `  ${line}`));
  if (badRows.total > 0) {
    lines.push('', `${counted(badRows.total, 'bad row')}:`);
    for (const row of badRows.shown) lines.push(`  ${plainText(badRowText(row))}`);
    const more = badRows.total - badRows.shown.length;
    if (more > 0) lines.push(`  and ${grouped(more)} more`);
  }
  return lines.join('\n');
}

function duplicatesText(split: Split, { splits, duplicates }: DatasetSummary): string[] {
  const { repeated, inTraining, otherLabel } = duplicates[split];
  const { total } = splits[split];
  const share = (n: number): string => `${grouped(n)} of ${grouped(total)} (${percent(n / total, 1)})`;
  const others = otherLabel === 0 ? '' : `, ${grouped(otherLabel)} of them with another label`;
  return [
    ...(repeated > 0 ? [`${split}: ${share(repeated)} repeat an earlier one`] : []),
    ...(inTraining > 0 ? [`${split}: ${share(inTraining)} are in Training as well${others}`] : []),
  ];
}
