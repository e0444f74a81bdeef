// What the programs that find faces and name their expressions have in common.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { askLines } from './lines.mjs';

const WARM_UP = 3;

/** `require` of the folder in FER_PEERS: peers are no dependencies of this project. */
export function peerRequire() {
  const folder = process.env.FER_PEERS;
  if (!folder) {
    throw new Error(
      'FER_PEERS is not set. In any folder: npm init -y && npm install --ignore-scripts @vladmandic/human@3.3.6 ' +
        '@vladmandic/face-api@1.7.15 @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0, and name it there.',
    );
  }
  return createRequire(join(folder, 'index.js'));
}

/** Starts one of the files beside this one. `measure({ photo, steps })` resolves to `{ seconds, faces }`. */
export function startPhotoPeer(file, ...args) {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const { ask, stop } = askLines(child, `${file} ${args.join(' ')}`);
  return { measure: ask, stop };
}

/**
 * Answers requests on standard input. `open` resolves to a function of decoded pixels that resolves to the number of
 * faces answered for. Decoding is the same for all and is not timed.
 */
export async function servePhotos(open) {
  // Libraries greet on standard output, where the answers go.
  console.log = console.error;
  const look = await open();
  const photos = new Map();
  for await (const line of createInterface({ input: process.stdin })) {
    const { photo, steps } = JSON.parse(line);
    if (!photos.has(photo)) photos.set(photo, await decode(photo));
    const pixels = photos.get(photo);
    let faces = 0;
    for (let i = 0; i < WARM_UP; i++) faces = await look(pixels);
    const started = performance.now();
    for (let i = 0; i < steps; i++) await look(pixels);
    process.stdout.write(
      `${JSON.stringify({ seconds: (performance.now() - started) / 1000 / steps, faces })}\n`,
    );
  }
}

async function decode(photo) {
  const picture = sharp(photo).autoOrient().toColourspace('srgb');
  const { data, info } = await picture.clone().removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const rgba = await picture.clone().ensureAlpha().raw().toBuffer();
  return { rgb: data, rgba, width: info.width, height: info.height };
}
