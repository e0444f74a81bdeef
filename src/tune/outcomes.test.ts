import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { AUGMENTATIONS, drawErasing, drawWarp } from '../engine/augment.ts';
import { ReferenceBackend } from '../engine/backend/reference.ts';
import { call, STEP } from '../engine/kernels.ts';
import { drawMixture } from '../engine/mixture.ts';
import { Parameters } from '../engine/parameters.ts';
import { keyOf, STREAMS } from '../engine/random.ts';
import { tensor } from '../engine/tensor.ts';
import { buildNetwork } from '../nn/networks.ts';
import { epochOrder } from '../train/epochOrder.ts';

/*
 * What a seed computes, as it was when OUTCOMES (trial.ts) got its value. Studies take results of before for those of
 * now, so whoever changes any of this on purpose raises OUTCOMES, and then the digests here.
 */
const RAISE = 'a seed computes something else now: if that is meant, raise OUTCOMES';
const KEYS = Array.from({ length: 50 }, (_, i) => keyOf(7, i));

function digest(values: string | NodeJS.ArrayBufferView): string {
  return createHash('sha256').update(values).digest('hex').slice(0, 16);
}

/** As whole numbers: what went through the engine's own exp or cos may differ in the last bit between machines. */
function quantised(values: Iterable<number>): string {
  return [...values].map((value) => Math.round(value * 1e5)).join();
}

test('the first weights', () => {
  const network = buildNetwork('vgg', { width: 8, drop: 0, classes: 7 });
  const { values, statistics } = new Parameters(network).initial(0);
  expect([digest(values), digest(statistics)], RAISE).toEqual(['d83f2f9e18481de5', '71de6a00fd9ea6f2']);
});

test('the order of an epoch, balanced or not', () => {
  const images = Int32Array.from({ length: 200 }, (_, i) => 2 * i + 1);
  // A class of many images, and ever smaller ones.
  const targets = Array.from({ length: 401 }, (_, i) => Math.floor(Math.log2(i + 1)));
  const orders = [0, 0.5, 1].map((balance) => epochOrder(images, targets, balance, keyOf(3, 2)));
  expect(digest(orders.join()), RAISE).toBe('67449473bb453d51');
});

test('the draws of augmentation and of mixed batches', () => {
  const warps = KEYS.map((key) => {
    const { sin, cos, ...whole } = drawWarp(key, 48, 40, AUGMENTATIONS);
    return [JSON.stringify(whole), quantised([sin, cos])];
  });
  const erasings = KEYS.map((key) => JSON.stringify(drawErasing(key, 40) ?? null));
  const mixtures = KEYS.map((key) => quantised(drawMixture(key, { mixup: 0.4, cutmix: 1 }, 40)));
  expect(
    [warps, erasings, mixtures].map((draws) => digest(draws.join())),
    RAISE,
  ).toEqual(['3a1ad3303ac35246', '267b545f55f88209', 'a7cb23d8512fbe5c']);
});

test('a batch of augmented samples', async () => {
  const [N, size, side] = [6, 48, 40];
  const backend = new ReferenceBackend();
  const images = tensor('images', [N, size, size], 'u8', 'persistent');
  const order = tensor('order', [N], 'i32', 'persistent');
  const step = tensor('step', [STEP.length], 'i32', 'persistent');
  const out = tensor('out', [N, side, side, 1], 'f32', 'persistent');
  backend.write(
    images,
    Uint8Array.from({ length: N * size * size }, (_, i) => (i * 31 + (i >> 5)) % 256),
  );
  backend.write(order, [3, 0, 5, 1, 4, 2]);
  const slots = new Int32Array(STEP.length);
  slots[STEP.seed] = 1;
  slots[STEP.epoch] = 2;
  backend.write(step, slots);
  const draws = AUGMENTATIONS;
  backend.run(backend.compile([call('augment', { images, order, out, step, size, crops: 1, draws })]));
  const samples = await backend.read(out);
  expect(digest(quantised(samples)), RAISE).toBe('c9297d1941050045');
});

test('what each use of randomness is keyed by', () => {
  expect(STREAMS, RAISE).toMatchObject({ init: 1, shuffle: 2, augment: 3, dropout: 4, mixture: 7, votes: 9 });
});
