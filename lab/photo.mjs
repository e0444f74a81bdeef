// How long it takes to answer for one photograph: find its faces and name their expressions. This project, next to
// @vladmandic/human and @vladmandic/face-api (TensorFlow.js, wasm), in turns on the same machine.
//
//     FER_PEERS=FOLDER node lab/photo.mjs model=runs/NAME [photo=FILE] [threads=2] [rounds=5] [steps=4] [json=true]
//
// Decoding is left out. Ours averages ten crops of each face with the paper's network (width=64), 0.7 GFLOP a crop;
// the peers look once at each with networks of under 1 MB. The peers look at the whole photograph once, which `ours`
// does too here (faces from a sixteenth of it), but for `small faces too`: what `fer predict` does by default.
//
// Lab book (times over "ours, ten crops"; two cores of an AMD EPYC shared with other work, 2 threads, sample4.jpg of
// face-api, 4 faces found by all; medians of 7, 5 and 5 rounds)
//   one face a batch:           human 0.35, tiny face-api 1.41, SSD face-api 1.83, small faces too 1.58
//   the same again:             human 0.27, tiny 0.91, SSD 1.63, small 2.23; ours with one crop 0.41, faces alone 0.18
//   faces in one batch (kept):  human 0.39, tiny 1.04, SSD 1.59, small 2.48; ours with one crop 0.32, faces alone 0.24
// Three quarters of the time are the ten crops. With one crop a face the answer takes 0.8 of human's time; with ten it
// takes 2.6 times as long, as long as face-api with its tiny detector and 0.6 of face-api with SSD. The rounds differ by a
// third, because a thread that waits for the other at a barrier waits for whatever else runs on the machine.
//
// On two cores of a Sapphire Rapids server at rest, Node 24, the network of models/ with width=32, sample4.jpg:
//   human 0.84, tiny 2.34, SSD 4.88, small faces too 4.13; ours with one crop 0.79, faces alone 0.66
// and a frame of 640x480 as from a webcam (three faces), whose times are those from frame to frame:
//   human 0.69, tiny 1.40, SSD 4.64, small faces too 4.87; ours with one crop 0.83, faces alone 0.69
// Now finding the faces is two thirds of the time, and a frame with one crop a face takes 1.2 of human's time.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { median } from './median.mjs';
import { parseOptions } from './options.mjs';
import { startPhotoPeer } from './peers/photoPeers.mjs';

const sample = () =>
  join(
    dirname(createRequire(import.meta.url).resolve('@vladmandic/face-api/package.json')),
    'demo/sample4.jpg',
  );

const defaults = { model: '', photo: sample(), threads: 2, rounds: 5, steps: 4, json: false };
const { model, photo, threads, rounds, steps, json } = parseOptions(process.argv.slice(2), defaults);
if (model === '')
  throw new Error('model= is missing: a run folder; fer train data=synthetic:60 n_epochs=1 name=any');

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
