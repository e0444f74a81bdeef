import { describe, it } from 'vitest';
import { checkCall, operand, randomIntegers, randomOrder } from '../../../../test/check-ops.ts';
import { gpuCandidates, hasGpu } from '../../../../test/gpu.ts';
import { AUGMENTATIONS } from '../../augment.ts';
import { call } from '../../kernels.ts';

const IMAGES = 40;
const START = 3;

const SIZES = [
  [48, 40],
  [48, 48],
  [13, 8],
] as const;
const CASES = [
  ...[AUGMENTATIONS, []].flatMap((draws) => SIZES.map((sizes) => ({ draws, sizes }))),
  ...AUGMENTATIONS.map((name) => ({ draws: [name], sizes: SIZES[0] })),
].flatMap(({ draws, sizes: [size, side] }) =>
  ([1, 10] as const).map((crops) => ({ draws, crops, size, side })),
);

describe.runIf(hasGpu)('augmentation on a GPU', () => {
  const candidates = gpuCandidates();

  // One other draw of the hundreds here would be a face elsewhere, and pixels off by tenths.
  it.each(CASES)('draws $draws, $crops crops, $size to $side', async ({ draws, crops, size, side }) => {
    for (const step of [
      [1, 0, START, 0],
      [-2, 7, START, 100],
    ]) {
      await checkCall(candidates, {
        call: call('augment', {
          images: operand('images', [IMAGES, size, size], 'u8'),
          order: operand('order', [IMAGES], 'i32'),
          out: operand('out', [(IMAGES - START) * crops, side, side, 1]),
          step: operand('step', [4], 'i32'),
          ...{ size, crops, draws },
        }),
        contents: {
          images: randomIntegers(IMAGES * size * size, 256, 1),
          order: randomOrder(IMAGES, IMAGES, 2),
          step,
        },
        bounds: { out: { growth: 16, scale: 1 } },
      });
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
