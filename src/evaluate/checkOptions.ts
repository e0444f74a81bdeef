import { refuseOption } from '../errors.ts';

/** @throws UsageError */
export function checkCrops(crops: unknown): void {
  if (crops !== 1 && crops !== 10) refuseOption('crops', crops, '1 or 10');
}

/**
 * Faces a step.
 *
 * @throws UsageError
 */
export function checkBatch(batch: unknown): void {
  if (!Number.isInteger(batch) || Number(batch) < 1) refuseOption('batch', batch, 'a whole number above 0');
}
