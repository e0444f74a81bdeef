import { BadRowCollector, type BadRows, badRowText } from './badRows.ts';
import { SPLITS, type Split } from './dataset.ts';
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
 * Looks through a dataset and lists all its bad rows where `loadDataset` would stop at the first. Throws
 * FerError where no row can be read at all (missing path, missing column, empty file).
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
    badRows: { total: badRows.total, shown: badRows.shown },
    hash: badRows.total === 0 ? hash : null,
  };
}

/** The summary as text: a head, a table of classes by splits, the bad rows. No trailing newline. */
export function summaryText(summary: DatasetSummary): string {
  const { kind, bytes, rows, size, labels, splits, badRows, hash } = summary;
  const megabytes = bytes > 0 ? `, ${(bytes / 1e6).toFixed(1)} MB` : '';
  const table = [['', ...SPLITS, 'all']];
  const counted = (name: string, count: (split: Split) => number): void => {
    const counts = SPLITS.map(count);
    table.push([
      name,
      ...[...counts, counts.reduce((a, b) => a + b, 0)].map((n) => n.toLocaleString('en-US')),
    ]);
  };
  for (const label of labels) counted(label, (split) => splits[split].classes[label]);
  counted('all', (split) => splits[split].total);
  const lines = [
    `${summary.source} (${kind}${megabytes}): ${rows.toLocaleString('en-US')} images of ${size} x ${size}`,
    hash === null ? 'cannot be used before its bad rows are mended' : `sha256 ${hash}`,
    '',
    ...alignTable(table),
  ];
  if (badRows.total > 0) {
    lines.push('', `${badRows.total.toLocaleString('en-US')} bad row${badRows.total === 1 ? '' : 's'}:`);
    for (const row of badRows.shown) lines.push(`  ${badRowText(row)}`);
    const more = badRows.total - badRows.shown.length;
    if (more > 0) lines.push(`  and ${more.toLocaleString('en-US')} more`);
  }
  return lines.join('\n');
}

/** Columns padded to their widest cell, the first to the left, the others to the right. */
function alignTable(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const cell = (text: string, column: number): string =>
    column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column]);
  return rows.map((row) => row.map(cell).join('  '));
}
