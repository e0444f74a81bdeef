import type { Dataset, Split } from '../data/dataset.ts';
import { type Exposure, exposureOf } from '../train/ancestry.ts';
import { type Html, html } from './html.ts';
import type { StoredRun } from './judgedRun.ts';

/** What a report says of itself. */
export interface ReportContext {
  readonly dataset: Pick<Dataset, 'source' | 'hash'>;
  readonly split: Split;
  readonly crops: 1 | 10;
  /** Version of the program. */
  readonly version: string;
  /** When it was made. */
  readonly date: Date;
}

/** What a reader must know before believing the figures: the network saw these images while it was made. */
export function warnings(runs: readonly StoredRun[], { split }: ReportContext): Html[] {
  const names = (found: readonly StoredRun[]): string =>
    runs.length === 1 ? 'The network' : found.map(({ name }) => name).join(', ');
  const made = runs.map((run) => ({ ...run, exposure: exposureOf(run.record, split) }));
  const [learned, watched, unknown] = (['learned', 'watched', 'unknown'] as const).map((seen) =>
    made.filter(({ exposure }) => exposure.seen === seen),
  );
  return [
    ...(learned.length > 0
      ? [
          html`<p class="warning">${names(learned)} learned from ${split}${inherited(learned)}: if these are the same images, the figures say how well they are known by heart, not how good a network is.</p>`,
        ]
      : []),
    ...(watched.length > 0
      ? [
          html`<p class="warning">The weights of ${runs.length === 1 ? 'this network' : names(watched)} were chosen by their accuracy on ${split}${inherited(watched)}, so the figures on these images are somewhat optimistic. Report those of a split that had no part in the training.</p>`,
        ]
      : []),
    ...(unknown.length > 0
      ? [
          html`<p class="warning">What the weights that ${runs.length === 1 ? 'this network' : names(unknown)} started from, or was taught by, had seen before is not recorded: ${split} may be among it.</p>`,
        ]
      : []),
  ];
}

/** Says so where none did it in its last training. */
function inherited(runs: readonly { readonly exposure: Exposure }[]): string {
  return runs.every(({ exposure }) => exposure.inherited) ? ', in a training before this one' : '';
}

export function footer({ dataset, version, date }: ReportContext): Html {
  const day = date.toISOString().slice(0, 10);
  return html`<p>Made by fer ${version} on <time datetime="${day}">${day}</time>, from ${dataset.source} (SHA-256 ${dataset.hash.slice(0, 12)}). Intervals: 95&nbsp;%, percentile bootstrap. Calibration error: Guo et al. 2017.</p>
<p>A network names the label that the apparent expression on a face crop would get from the people who labelled its training data. That is not what a person feels, and nothing about a person should be decided by it.</p>`;
}

/** A WebP picture as an address that holds it. */
export function pictureUrl(webp: Buffer): string {
  return `data:image/webp;base64,${webp.toString('base64')}`;
}
