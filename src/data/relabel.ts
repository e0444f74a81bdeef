import { FerError } from '../errors.ts';
import { grouped } from '../term/numbers.ts';
import { type DatasetContent, SPLITS, type Split, splitIndices } from './dataset.ts';
import { type Dropped, FER_PLUS_LABELS, type FerPlusVotes, majorityOf, sharesOf } from './ferPlus.ts';
import type { FerPlusMode } from './ferPlusModes.ts';

/** What became of the pictures of a split. */
export interface Relabelled {
  readonly split: Split;
  readonly kept: number;
  readonly dropped: Readonly<Record<Dropped, number>>;
}

/** Of two labellings of the same pictures far more agree (about four in five); of two orders, a fifth. */
const LEAST_AGREEMENT = 0.4;
/** Fewer pictures than this agree or not by chance. */
const ENOUGH = 100;

/**
 * FER2013's pictures with the labels of FER+. The rows of a split belong together by their order, so a split
 * must be whole; one that is not there at all is left out. Soft labels are for training: as in the paper, the
 * other splits get the majority's.
 *
 * @throws FerError if a split has another number of pictures, or the labels do not fit the pictures
 */
export function withFerPlus(
  content: DatasetContent,
  votes: FerPlusVotes,
  mode: FerPlusMode,
  file: string,
): { content: DatasetContent; splits: readonly Relabelled[] } {
  const L = FER_PLUS_LABELS.length;
  const kept: { index: number; split: number; target: number; votes: readonly number[] }[] = [];
  const splits: Relabelled[] = [];
  let agree = 0;
  SPLITS.forEach((split, s) => {
    const indices = content.splits[split];
    if (indices.length === 0) return;
    const rows = votes[split];
    if (rows.length !== indices.length) {
      throw new FerError(
        `${file} has ${rows.length} rows of ${split}, and the data has ${indices.length} images there: they belong ` +
          'together by their order, so both must be whole',
      );
    }
    const dropped = { unclear: 0, unknown: 0, noFace: 0 };
    const before = kept.length;
    indices.forEach((index, i) => {
      const soft = mode === 'soft' && split === 'Training';
      const found = soft ? sharesOf(rows[i]) : majorityOf(rows[i]);
      if (typeof found === 'string') {
        dropped[found]++;
        return;
      }
      const shares = typeof found === 'number' ? oneOf(found, L) : found;
      const target = shares.indexOf(Math.max(...shares));
      if (FER_PLUS_LABELS[target] === content.labels[content.targets[index]]) agree++;
      kept.push({ index, split: s, target, votes: shares });
    });
    splits.push({ split, kept: kept.length - before, dropped });
  });
  if (kept.length === 0) throw new FerError(`${file} leaves no image: is it of this data?`);
  if (kept.length >= ENOUGH && agree < LEAST_AGREEMENT * kept.length) {
    throw new FerError(
      `${file} agrees with the labels of the data in ${((100 * agree) / kept.length).toFixed(0)} % of the images only: ` +
        'its rows are of other images, or in another order than those of fer2013.csv',
    );
  }
  kept.sort((a, b) => a.index - b.index);
  const area = content.size * content.size;
  const images = new Uint8Array(kept.length * area);
  const shares = new Uint8Array(kept.length * L);
  kept.forEach(({ index, votes: own }, to) => {
    images.set(content.images.subarray(index * area, (index + 1) * area), to * area);
    shares.set(own, to * L);
  });
  const result: DatasetContent = {
    labels: FER_PLUS_LABELS,
    size: content.size,
    images,
    targets: Uint8Array.from(kept, ({ target }) => target),
    splits: splitIndices(kept.map(({ split }) => split)),
    ...(mode === 'soft' && { votes: shares }),
  };
  return { content: result, splits };
}

function oneOf(target: number, L: number): number[] {
  return Array.from({ length: L }, (_, label) => (label === target ? 1 : 0));
}

/** `Training 25,045 kept; left out 3,000 without a clear label, 500 unknown, 164 without a face`. */
export function relabelledText({ split, kept, dropped }: Relabelled): string {
  return (
    `${split} ${grouped(kept)} kept; left out ${grouped(dropped.unclear)} without a clear label, ` +
    `${grouped(dropped.unknown)} unknown, ${grouped(dropped.noFace)} without a face`
  );
}
