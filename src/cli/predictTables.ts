import type { Recognition } from '../evaluate/recognizer.ts';
import { plainText } from '../term/plainText.ts';
import type { PhotoPrediction } from './photos.ts';
import type { CropPrediction } from './predict.ts';

/** A line a picture: name, label, and the share of each label. */
export function cropsTable(predictions: readonly CropPrediction[], labels: readonly string[]): string {
  return table(
    ['file'],
    predictions.map((prediction) =>
      'error' in prediction
        ? { cells: [prediction.file], remark: 'unreadable' }
        : { cells: [prediction.file], answer: prediction },
    ),
    labels,
  );
}

/** A line a face: name of the picture, where the face is, label, and the share of each label. */
export function photosTable(predictions: readonly PhotoPrediction[], labels: readonly string[]): string {
  const rows = predictions.flatMap((prediction): Row[] => {
    if (!('faces' in prediction)) return [{ cells: [prediction.file, ''], remark: 'unreadable' }];
    const { file, faces } = prediction;
    if (faces.length === 0) return [{ cells: [file, ''], remark: 'no face found' }];
    return faces.map((answer) => {
      const { x, y, width, height } = answer.box;
      const [left, top, w, h] = [x, y, width, height].map(Math.round);
      return { cells: [file, `${left},${top} ${w}x${h}`], answer };
    });
  });
  return table(['file', 'face'], rows, labels);
}

interface Row {
  readonly cells: readonly string[];
  readonly answer?: Recognition;
  /** Stands in place of a label. */
  readonly remark?: string;
}

function table(heads: readonly string[], found: readonly Row[], labels: readonly string[]): string {
  const rows = found.map((row) => ({ ...row, cells: row.cells.map(plainText) }));
  const widths = heads.map((head, c) =>
    rows.reduce((most, { cells }) => Math.max(most, cells[c].length), head.length),
  );
  const label = Math.max(...labels.map(({ length }) => length));
  const start = (cells: readonly string[]): string =>
    cells.map((cell, c) => cell.padEnd(widths[c])).join('  ');
  const head = labels.map((key) => key.padStart(Math.max(5, key.length))).join('  ');
  const lines = rows.map(({ cells, answer, remark = '' }) => {
    if (answer === undefined) return `${start(cells)}  ${remark}`;
    const scores = labels.map((key) =>
      `${(100 * answer.scores[key]).toFixed(1)}`.padStart(Math.max(5, key.length)),
    );
    return `${start(cells)}  ${answer.label.padEnd(label)}  ${scores.join('  ')}`;
  });
  return [`${start(heads)}  ${'label'.padEnd(label)}  ${head}   (%)`, ...lines].join('\n');
}
