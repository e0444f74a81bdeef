// How long it takes to answer for one photograph: find its faces and name their expressions. This project, next to
// @vladmandic/human and @vladmandic/face-api (TensorFlow.js, wasm), in turns on the same machine.
//
//     FER_PEERS=FOLDER node lab/photo.mjs model=runs/NAME [photo=FILE] [threads=2] [rounds=5] [steps=4] [json=true]
//
// Decoding is left out. Ours averages ten crops of each face with the paper's network (width=64), 0.7 GFLOP a crop;
// the peers look once at each with networks of under 1 MB. `one look` is what the peers do too: faces from about a
// sixteenth of the photograph; `any size` searches for small ones as well, as `fer predict` does.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { startPhotoPeer } from './peers/photoPeers.mjs';

const sample = () =>
  join(
    dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json')),
    'demo/sample4.jpg',
  );

const options = { model: '', photo: sample(), threads: 2, rounds: 5, steps: 4, json: false };
for (const arg of process.argv.slice(2)) {
  const [key, value] = arg.split(/=(.*)/s);
  if (!Object.hasOwn(options, key) || !value)
    throw new Error(`${arg}: expected one of ${Object.keys(options)}`);
  options[key] = typeof options[key] === 'number' ? Number(value) : key === 'json' ? value === 'true' : value;
}
const { model, photo, threads, rounds, steps, json } = options;
if (model === '')
  throw new Error('model= is missing: a run folder; fer train data=synthetic:60 n_epochs=1 name=any');

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

const ours = (smallest, crops) =>
  startPhotoPeer('ownPhotos.mjs', model, String(threads), String(smallest), String(crops));
const peers = {
  'ours, ten crops': ours(1 / 16, 10),
  'ours, one crop': ours(1 / 16, 1),
  'ours, faces alone': ours(1 / 16, 0),
  'ours, small faces too': ours(1 / 64, 10),
  human: startPhotoPeer('human.mjs'),
  'face-api, tiny detector': startPhotoPeer('faceApi.mjs', 'tiny'),
  'face-api, SSD MobileNet': startPhotoPeer('faceApi.mjs', 'ssd'),
};
const turns = [];
const faces = {};
try {
  for (let round = 0; round < rounds; round++) {
    const seconds = {};
    for (const [name, peer] of Object.entries(peers)) {
      const answer = await peer.measure({ photo, steps });
      seconds[name] = answer.seconds;
      faces[name] = answer.faces;
    }
    turns.push(seconds);
  }
} finally {
  for (const peer of Object.values(peers)) peer.stop();
}
const [base] = Object.keys(peers);
const results = Object.keys(peers).map((name) => ({
  name,
  faces: faces[name],
  // Above 1: takes longer than ours.
  timesOurs: median(turns.map((seconds) => seconds[name] / seconds[base])),
}));
if (json) console.log(JSON.stringify({ photo, threads, rounds, results }));
else
  for (const { name, faces: found, timesOurs } of results)
    console.log(`${name.padEnd(24)} ${found} faces, ${timesOurs.toFixed(2)} times as long as "${base}"`);
