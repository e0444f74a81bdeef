import type { dataOptions } from '../config.ts';
import { describeDataset, summaryText } from '../data/summary.ts';
import type { Progress } from '../term/progress.ts';
import type { Run } from './verb.ts';

/** `fer data PATH`: the summary of a dataset; exit code 1 if it has bad rows. */
export const run: Run<typeof dataOptions> = async ({ config, positionals: [path] }, out) => {
  let progress: Progress | undefined;
  const summary = await describeDataset(path, {
    badRowCap: config.limit,
    onNotice: (message) => out.note(message),
    onProgress(done, total, unit) {
      progress ??= out.progress({ label: 'reading', total, unit, done });
      progress.update(done, {}, total);
    },
  });
  out.result(summary, () => summaryText(summary));
  return summary.badRows.total > 0 ? 1 : 0;
};
