// Accuracy of other packages' expression networks on FER2013, next to ours, on the same pictures.
//
//     FER_OTHERS=FOLDER node lab/others.mjs data=fer2013.csv [model=] [split=PublicTest] [limit=0] [json=false]
//
// Everybody gets the stored 48x48 pictures as they are: tight crops of faces, the framing these networks expect after
// a face was found; no detector is involved. The others look once at the whole picture, as their packages do. Ours
// looks once at the centre, and at ten crops. Labels are compared by name.
import { loadDataset } from '../dist/index.js';
import { evaluate, figures, options } from './peers/evaluate.mjs';
import { startOthers } from './peers/tfjs.mjs';

const BATCH = 32;
const { data, model, split, limit, json } = options({
  data: '',
  model: '',
  split: 'PublicTest',
  limit: 0,
  json: 'false',
});
const { backend, networks } = await startOthers();
const dataset = await loadDataset(data, { limit: limit || undefined });
const indices = [...dataset.splits[split]];
const targets = indices.map((index) => dataset.labels[dataset.targets[index]]);
const area = dataset.size ** 2;

const rows = [];
for (const network of networks) {
  const found = [];
  for (let first = 0; first < indices.length; first += BATCH) {
    const some = indices.slice(first, first + BATCH);
    const faces = new Uint8Array(some.length * area);
    some.forEach((index, i) => {
      faces.set(dataset.images.subarray(index * area, (index + 1) * area), i * area);
    });
    found.push(...(await network.predict(faces, some.length)));
  }
  rows.push({ name: network.name, ...figures(targets, found, dataset.labels) });
}
for (const crops of [1, 10]) {
  const { predictions } = evaluate(
    `model=${model}`,
    `data=${data}`,
    `split=${split}`,
    `limit=${limit}`,
    `crops=${crops}`,
  );
  rows.push({
    name: `fer, ${crops === 1 ? 'centre crop' : 'ten crops'}`,
    ...figures(targets, predictions, dataset.labels),
  });
}
if (json === 'true') console.log(JSON.stringify({ split, backend, rows }));
else {
  const percent = (share) => (share === null ? '–' : (100 * share).toFixed(1));
  const names = dataset.labels;
  console.log(`${split}, ${targets.length} images; the others on TensorFlow.js's ${backend} backend\n`);
  console.log(`| network | accuracy | ${names.join(' | ')} |`);
  console.log(`| --- | ---: | ${names.map(() => '---:').join(' | ')} |`);
  for (const { name, accuracy, error, recall } of rows) {
    const cells = names.map((label) => percent(recall[label]));
    console.log(
      `| ${name} | ${(100 * accuracy).toFixed(2)} ± ${(100 * error).toFixed(2)} | ${cells.join(' | ')} |`,
    );
  }
}
