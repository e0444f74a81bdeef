import { join } from 'node:path';
import type { TrainConfig, trainOptions } from '../config.ts';
import { createBackend } from '../engine/createBackend.ts';
import { percent } from '../term/numbers.ts';
import type { EpochRow } from '../train/history.ts';
import { prepareRun } from '../train/prepareRun.ts';
import type { RunProgress } from '../train/runFolder.ts';
import { type TrainListener, train } from '../train/train.ts';
import { readData, untilSignal } from './common.ts';
import type { Output } from './output.ts';
import type { Run } from './verb.ts';

/** `fer train`: trains, resumes and saves; Ctrl-C finishes the step, saves and exits 130. */
export const run: Run<typeof trainOptions> = async (parsed, out) => {
  const config = prepareRun(parsed);
  const dataset = await readData(config, out);
  const backend = await createBackend(config);
  out.note(`${join(config.runs, config.name)}: ${config.network} on ${backend.describe()}`);
  const signal = untilSignal(() =>
    out.note('stopping after this step; once more to stop at once without saving'),
  );
  try {
    const listener = showTraining(config, out);
    const result = await train(config, { dataset, backend, listener, interrupted: () => signal.isReceived });
    out.result(result, () => {
      const { best } = result;
      const why = result.ended === 'patience' ? ` (no better accuracy in ${config.patience} epochs)` : '';
      const outcome =
        best.valAccuracy === null
          ? 'without validation: the last weights are in best.safetensors'
          : `best ${percent(best.valAccuracy)} on ${config.val} after epoch ${best.epoch}`;
      return `${result.run}: ${result.history.length} epochs${why}, ${outcome}`;
    });
  } finally {
    signal.ignore();
    await backend.close();
  }
  return 0;
};

/** A bar on a terminal, and one plain line an epoch everywhere. */
function showTraining(config: TrainConfig, out: Output): TrainListener {
  let bar: ReturnType<Output['progress']> | undefined;
  let validation: ReturnType<Output['progress']> | undefined;
  return {
    onNote: (line) => out.note(line),
    onEpochStart({ epoch, start }, images) {
      validation = undefined;
      bar = out.progress({
        label: `epoch ${epoch + 1}/${config.n_epochs}`,
        total: images,
        done: start,
      });
    },
    onStep({ start, totals }: RunProgress) {
      const loss = (totals.loss / totals.samples).toFixed(4);
      bar?.update(start, { loss, accuracy: percent(totals.correct / totals.samples) });
    },
    onValidate(done, images) {
      validation ??= out.progress({ label: `validating on ${config.val}`, total: images, done });
      validation.update(done);
    },
    onEpoch(row, best) {
      out.note(epochLine(row, best, config.n_epochs));
    },
  };
}

function epochLine(row: EpochRow, best: EpochRow, epochs: number): string {
  const width = String(epochs).length;
  return [
    `epoch ${String(row.epoch).padStart(width)}/${epochs}`,
    `lr ${Number(row.lr.toPrecision(3))}`,
    `train ${row.trainLoss.toFixed(4)} ${percent(row.trainAccuracy)}`,
    ...(row.valLoss === null || row.valAccuracy === null
      ? []
      : [`val ${row.valLoss.toFixed(4)} ${percent(row.valAccuracy)}${best === row ? ' *' : ''}`]),
    `${row.imagesPerSecond.toFixed(1)} images/s`,
    `${row.seconds.toFixed(1)} s`,
  ].join('  ');
}
