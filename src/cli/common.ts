import type { Dataset } from '../data/dataset.ts';
import { loadDataset } from '../data/load.ts';
import type { Progress } from '../term/progress.ts';
import type { Output } from './output.ts';

/** Loads the dataset of a verb with a bar and its notices. */
export async function readData(
  { data, limit, seed }: { data: string; limit: number; seed?: number },
  out: Output,
): Promise<Dataset> {
  let bar: Progress | undefined;
  const dataset = await loadDataset(data, {
    limit: limit || undefined,
    seed,
    onNotice: (message) => out.note(message),
    onProgress(done, total, unit) {
      bar ??= out.progress({ label: 'reading', total, unit, done });
      bar.update(done, {}, total);
    },
  });
  out.clear();
  return dataset;
}
