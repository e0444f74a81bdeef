import { refuseOption } from '../errors.ts';

/** How faces are looked for. */
export interface DetectOptions {
  /** Faces with a lower score are left out, above 0 to 1. */
  readonly minScore?: number;
  /** At most so many, the best ones. Default: all. */
  readonly maxFaces?: number;
  /**
   * Side of the smallest faces to look for, as a share of the picture's longer side. Half of it takes four times as
   * long; from 1/16 up one look at the whole picture is enough.
   */
  readonly smallest?: number;
}

/** A picture with no longer side is taken as a face crop: FER2013's have 48. Nobody hides a face in so few pixels. */
export const CROP_SIDE = 64;

/**
 * The defaults. All 22 faces of face-api's six sample photos reach 0.82, and what is no face in them reaches 0.66; nine in
 * ten of FER2013's images, tight crops of 48 pixels, reach 0.7.
 */
export const DETECTION = { minScore: 0.7, smallest: 1 / 64 } as const satisfies DetectOptions;

/** @throws UsageError */
export function checkDetectOptions({ minScore = 1, maxFaces = 1, smallest = 1 }: DetectOptions): void {
  if (!(minScore > 0 && minScore <= 1)) refuseOption('minScore', minScore, 'above 0 to 1');
  const countable = Number.isInteger(maxFaces) || maxFaces === Number.POSITIVE_INFINITY;
  if (!(countable && maxFaces > 0)) refuseOption('maxFaces', maxFaces, 'a whole number above 0');
  if (!(smallest > 0 && smallest <= 1)) refuseOption('smallest', smallest, 'above 0 to 1');
}
