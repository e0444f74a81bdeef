// Whether an exported ONNX file is as accurate in ONNX Runtime as the model is here, to the image.
//
//     FER_ORT=FOLDER node lab/onnx.mjs data=fer2013.csv [model=] [split=PublicTest] [dtype=fp32] [limit=0] [threads=2]
//
// Exports the model with its preprocessing in the graph, gives ONNX Runtime the stored bytes of every face, and
// compares its labels with those of `fer evaluate`. In half precision it compares with the same model exported as
// safetensors. Exits 1 where the accuracy differs.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadDataset } from '../dist/index.js';
import { evaluate, fer, figures, options } from './peers/evaluate.mjs';
import { loadOnnxRuntime } from './peers/onnxruntime.mjs';

const BATCH = 8;
const { data, model, split, dtype, limit, threads } = options({
  data: '',
  model: '',
  split: 'PublicTest',
  dtype: 'fp32',
  limit: 0,
  threads: 2,
});
const folder = mkdtempSync(join(tmpdir(), 'fer-onnx-'));
try {
  const file = join(folder, 'model.onnx');
  const weights = join(folder, 'model');
  fer('export', `model=${model}`, 'format=onnx', `out=${file}`, `dtype=${dtype}`, `threads=${threads}`);
  fer('export', `model=${model}`, `out=${weights}`, `dtype=${dtype}`);
  const dataset = await loadDataset(data, { limit: limit || undefined });
  const { images, targets, splits, size } = dataset;
  // Labels of the file beside it, not of the data: the order of outputs is the file's.
  const { labels } = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8'));
  const { InferenceSession, Tensor } = loadOnnxRuntime();
  const session = await InferenceSession.create(file, { intraOpNumThreads: threads });
  const indices = [...splits[split]];
  const found = [];
  for (let first = 0; first < indices.length; first += BATCH) {
    const some = indices.slice(first, first + BATCH);
    const faces = new Uint8Array(some.length * size * size);
    some.forEach((index, i) => {
      faces.set(images.subarray(index * size * size, (index + 1) * size * size), i * size * size);
    });
    const { scores } = await session.run({ faces: new Tensor('uint8', faces, [some.length, size, size]) });
    for (let i = 0; i < some.length; i++) {
      const row = [...scores.data.subarray(i * labels.length, (i + 1) * labels.length)];
      found.push(labels[row.indexOf(Math.max(...row))]);
    }
  }
  const names = indices.map((index) => dataset.labels[targets[index]]);
  const onnx = figures(names, found, labels);
  const { metrics, predictions } = evaluate(
    `model=${weights}`,
    `data=${data}`,
    `split=${split}`,
    `limit=${limit}`,
    `threads=${threads}`,
  );
  const ours = figures(names, predictions, labels);
  if (ours.accuracy !== metrics.accuracy) throw new Error('predictions.csv and metrics.json disagree');
  const differing = found.filter((label, i) => label !== predictions[i]).length;
  const line = ({ right, n, accuracy }) => `${right} of ${n}, ${(100 * accuracy).toFixed(3)} %`;
  console.log(`${split}, ten crops, ${dtype}`);
  console.log(`ONNX Runtime   ${line(onnx)}`);
  console.log(`fer evaluate   ${line(ours)}`);
  console.log(`labels that differ: ${differing}`);
  if (onnx.right !== ours.right) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
