import { createHash } from 'node:crypto';
import { type DatasetContent, SPLITS, type Split } from './dataset.ts';

/** Images of a split whose pixels, to the bit, some other image has too. */
export interface Duplicates {
  /** Those that repeat an earlier image of the same split. */
  readonly repeated: number;
  /** Those that are training images; 0 for Training itself. What was learned from says little of what is unseen. */
  readonly inTraining: number;
  /** Of these, those that bear another label there, in all of its images of these pixels. */
  readonly otherLabel: number;
}

/** For each image of a split, in its order: whether Training has its pixels, to the bit. */
export function trainingImages(content: DatasetContent, split: Split): boolean[] {
  const nameOf = namesOf(content);
  const training = new Set(Array.from(content.splits.Training, nameOf));
  return Array.from(content.splits[split], (i) => training.has(nameOf(i)));
}

/** Looks for images with the same pixels. Near misses (another size, another crop, a mirrored one) are not found. */
export function findDuplicates(content: DatasetContent): Record<Split, Duplicates> {
  const { targets, splits } = content;
  const nameOf = namesOf(content);
  /** The labels of each training image, by its pixels. */
  const training = new Map<string, Set<number>>();
  const look = (split: Split): Duplicates => {
    const seen = new Set<string>();
    let [repeated, inTraining, otherLabel] = [0, 0, 0];
    for (const i of splits[split]) {
      const name = nameOf(i);
      if (seen.has(name)) repeated++;
      seen.add(name);
      const labels = training.get(name);
      if (split === 'Training') {
        if (labels) labels.add(targets[i]);
        else training.set(name, new Set([targets[i]]));
      } else if (labels) {
        inTraining++;
        if (!labels.has(targets[i])) otherLabel++;
      }
    }
    return { repeated, inTraining, otherLabel };
  };
  // Training comes first.
  return Object.fromEntries(SPLITS.map((split) => [split, look(split)])) as Record<Split, Duplicates>;
}

/** What images of the same pixels have in common, and no others. */
function namesOf({ images, size }: DatasetContent): (image: number) => string {
  const area = size * size;
  return (i) =>
    createHash('sha256')
      .update(images.subarray(i * area, (i + 1) * area))
      .digest('base64');
}
