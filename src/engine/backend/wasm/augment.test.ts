import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Candidate, closeBackends, openBackends } from '../../../../test/backends.ts';
import { checkCall, operand, randomIntegers, randomOrder } from '../../../../test/check-ops.ts';
import { AUGMENTATIONS, type Augmentation } from '../../augment.ts';
import { type Call, call, ORDER } from '../../kernels.ts';
import { ReferenceBackend } from '../reference.ts';

const IMAGES = 40;
const START = 3;

interface Case {
  readonly draws: readonly Augmentation[];
  readonly crops: 1 | 10;
  readonly size: number;
  readonly side: number;
}
const SIZES = [
  [48, 40],
  [48, 48],
  [13, 8],
] as const;
const CASES: Case[] = [
  ...[AUGMENTATIONS, []].flatMap((draws) => SIZES.map((sizes) => ({ draws, sizes }))),
  ...AUGMENTATIONS.map((name) => ({ draws: [name], sizes: SIZES[0] })),
].flatMap(({ draws, sizes: [size, side] }) =>
  ([1, 10] as const).map((crops) => ({ draws, crops, size, side })),
);

describe('augmentation', () => {
  let candidates: Candidate[] = [];
  beforeAll(async () => {
    candidates = await openBackends();
  });
  afterAll(() => closeBackends(candidates));

  const augment = ({ draws, crops, size, side }: Case): Call =>
    call('augment', {
      images: operand('images', [IMAGES, size, size], 'u8'),
      order: operand('order', [IMAGES], 'i32'),
      out: operand('out', [(IMAGES - START) * crops, side, side, 1]),
      step: operand('step', [4], 'i32'),
      size,
      crops,
      draws,
    });
  const contentsOf = ({ size }: Case, step: readonly number[]) => ({
    images: randomIntegers(IMAGES * size * size, 256, 1),
    order: randomOrder(IMAGES, IMAGES, 2),
    step,
  });

  // The same draws as `src/engine/augment.ts`, so every pixel to a rounding of float32.
  it.each(CASES)('draws $draws, $crops crops, $size to $side', async (one) => {
    for (const step of [
      [1, 0, START, 0],
      [-2, 7, START, 100],
    ]) {
      await checkCall(candidates, {
        call: augment(one),
        contents: contentsOf(one, step),
        bounds: { out: { growth: 1, scale: 1 } },
      });
    }
  });

  it('depends on seed, epoch, image and its occurrence, not on the place in the order', async () => {
    const one: Case = { draws: AUGMENTATIONS, crops: 1, size: 48, side: 40 };
    const of = augment(one);
    if (of.kernel !== 'augment') throw new Error(of.kernel);
    const { images, order, out, step } = of.args;
    const pixels = 40 * 40;
    for (const { backend } of [...candidates.slice(0, 1), { backend: new ReferenceBackend() }]) {
      const program = backend.compile([of]);
      const sample = async (slots: number[], indices: ArrayLike<number>, at: number): Promise<string> => {
        backend.write(order, indices);
        backend.write(step, slots);
        backend.run(program);
        return (await backend.read(out)).slice(at * pixels, (at + 1) * pixels).join();
      };
      backend.write(images, randomIntegers(IMAGES * 48 * 48, 256, 1));
      const forwards = Int32Array.from({ length: IMAGES }, (_, i) => i);
      const first = await sample([1, 2, 0, 0], forwards, 4);
      expect(await sample([1, 2, START, 55], forwards.slice().reverse(), IMAGES - 5 - START)).toBe(first);
      expect(await sample([1, 2, 4, 55], forwards, 0)).toBe(first);
      expect(await sample([9, 2, 0, 0], forwards, 4)).not.toBe(first);
      expect(await sample([1, 3, 0, 0], forwards, 4)).not.toBe(first);
      const again = forwards.map((image) => image + ORDER.occurrence);
      expect(await sample([1, 2, 0, 0], again, 4)).not.toBe(first);
      expect(await sample([1, 2, 4, 55], again, 0)).toBe(await sample([1, 2, 0, 0], again, 4));
    }
  });

  it.each([
    [1, 5, 0],
    [10, 3, 2],
  ] as const)('labels for %d crops of %d images from %d', async (crops, images, start) => {
    const gather = call('gatherLabels', {
      targets: operand('targets', [9], 'u8'),
      order: operand('order', [9], 'i32'),
      labels: operand('labels', [images * crops], 'i32'),
      step: operand('step', [4], 'i32'),
      crops,
    });
    const contents = {
      targets: randomIntegers(9, 7, 1),
      order: randomOrder(9, 9, 2),
      step: [0, 0, start, 0],
    };
    await checkCall(candidates, { call: gather, contents });
  });
});
