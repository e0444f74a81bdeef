// Load on `fer serve`: rounds of requests from many clients at once, some of them garbage, on the loopback only.
// Says whether every answer was right, how memory went from round to round, and answers a second.
//
//   node lab/serving.mjs [model=runs/quickstart] [rounds=10] [requests=1000] [clients=32] [photo=20]
//
// One request in twenty is garbage; one in `photo` is a photo whose faces are found, the others are face crops.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { synthetic } from '../dist/index.js';

const settings = { model: 'runs/quickstart', rounds: 10, requests: 1000, clients: 32, photo: 20 };
for (const argument of process.argv.slice(2)) {
  const [key, value] = argument.split('=');
  if (!(key in settings) || value === undefined) throw new Error(`unknown setting ${argument}`);
  settings[key] = typeof settings[key] === 'number' ? Number(value) : value;
}
const { model, rounds, requests, clients } = settings;

async function startServer() {
  const args = ['dist/cli.js', 'serve', `model=${model}`, 'json=true', `concurrency=${clients}`];
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(server.stdout, 'data');
  return { server, url: JSON.parse(line).url };
}

/** Bodies of each kind, with what must come back. The first answer of a kind is taken as the right one, alone. */
async function kinds(post) {
  const require = createRequire(import.meta.url);
  const demo = join(dirname(require.resolve('@vladmandic/face-api/package.json')), 'demo');
  const photo = await sharp(join(demo, 'sample1.jpg')).resize(640).jpeg().toBuffer();
  const { images, size } = synthetic({ counts: { PrivateTest: 7 } });
  const crops = await Promise.all(
    Array.from({ length: 7 }, (_, i) =>
      sharp(images.subarray(i * size * size, (i + 1) * size * size), {
        raw: { width: size, height: size, channels: 1 },
      })
        .png()
        .toBuffer(),
    ),
  );
  const withAnswer = async (body, query) => ({ body, query, expected: (await post(body, query)).text });
  return {
    photo: await withAnswer(photo, '?smallest=0.0625'),
    crops: await Promise.all(crops.map((body) => withAnswer(body, '?faces=none'))),
    garbage: [Buffer.from('no picture at all'), photo.subarray(0, 3000), Buffer.alloc(5000, 0xff)],
  };
}

const { server, url } = await startServer();
let crashed = false;
server.once('exit', () => {
  crashed = true;
});

async function post(body, query) {
  const response = await fetch(`${url}api/predict${query}`, { method: 'POST', body });
  return { status: response.status, text: await response.text() };
}

async function residentMiB() {
  const text = await (await fetch(`${url}metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)/m.exec(text)[1]) / 2 ** 20;
}

const { photo, crops, garbage } = await kinds(post);
const wrong = [];

async function round() {
  let next = 0;
  const counts = { good: 0, refused: 0 };
  const client = async () => {
    while (next < requests) {
      const i = next++;
      if (i % 20 === 7) {
        const { status, text } = await post(garbage[i % garbage.length], '');
        if (status === 400 && 'error' in JSON.parse(text)) counts.refused++;
        else wrong.push(`garbage: ${status} ${text.slice(0, 100)}`);
        continue;
      }
      const { body, query, expected } = i % settings.photo === 3 ? photo : crops[i % crops.length];
      const { status, text } = await post(body, query);
      if (status === 200 && text === expected) counts.good++;
      else wrong.push(`picture: ${status} ${text.slice(0, 100)}`);
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: clients }, client));
  return { ...counts, seconds: (performance.now() - started) / 1000 };
}

console.log(`${model}: ${rounds} rounds of ${requests} requests, ${clients} clients`);
console.log('round  right  refused  wrong  answers/s  resident MiB');
for (let i = 1; i <= rounds && !crashed; i++) {
  const { good, refused, seconds } = await round();
  const row = [
    i,
    good,
    refused,
    wrong.length,
    (requests / seconds).toFixed(1),
    (await residentMiB()).toFixed(0),
  ];
  console.log(row.map((cell, c) => String(cell).padStart([5, 5, 7, 5, 9, 12][c])).join('  '));
}
for (const line of wrong.slice(0, 5)) console.log(line);
if (crashed) console.log('the server crashed');
server.kill('SIGTERM');
const [code] = crashed ? [1] : await once(server, 'exit');
console.log(`the server ended with code ${code}`);
process.exitCode = wrong.length > 0 || code !== 0 ? 1 : 0;
