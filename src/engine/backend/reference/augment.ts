import { cutCrop, cutWarped, drawErasing, drawWarp, fixedCrop } from '../../augment.ts';
import { type KernelTable, MIXTURE, ORDER, STEP } from '../../kernels.ts';
import { keyOf, STREAMS } from '../../random.ts';
import type { Memory } from './memory.ts';

/** The samples of a step and their labels, from the stored data. */
export const AUGMENT: Pick<KernelTable<Memory>, 'augment' | 'gatherLabels' | 'mix'> = {
  augment({ images, order, out, step, size, crops, draws }, memory) {
    const [samples, side] = out.shape;
    const stored = memory.bytes(images);
    const indices = memory.ints(order);
    const output = memory.floats(out);
    const slots = memory.ints(step);
    for (let sample = 0; sample < samples; sample++) {
      const entry = indices[slots[STEP.start] + Math.floor(sample / crops)];
      const index = entry & ORDER.image;
      const crop = sample % crops;
      const image = stored.subarray(index * size * size, (index + 1) * size * size);
      const pixels = output.subarray(sample * side * side, (sample + 1) * side * side);
      const fixed = fixedCrop(size, side, crops, crop);
      if (draws.length === 0) {
        cutCrop(image, size, fixed, side, pixels);
        continue;
      }
      const words = [slots[STEP.seed], STREAMS.augment, slots[STEP.epoch], entry];
      const warp = drawWarp(keyOf(...words), size, side, draws);
      cutWarped(image, size, warp, crops === 1 ? warp.crop : fixed, side, pixels);
      const erased = draws.includes('erase') ? drawErasing(keyOf(...words, crop), side) : undefined;
      for (let y = 0; erased && y < erased.height; y++) {
        const start = (erased.top + y) * side + erased.left;
        pixels.fill(0, start, start + erased.width);
      }
    }
  },

  gatherLabels({ targets, order, labels, step, crops }, memory) {
    const classes = memory.bytes(targets);
    const indices = memory.ints(order);
    const output = memory.ints(labels);
    const start = memory.ints(step)[STEP.start];
    for (let i = 0; i < output.length; i++) {
      output[i] = classes[indices[start + Math.floor(i / crops)] & ORDER.image];
    }
  },

  /** Mixup (Zhang et al., arXiv 1710.09412) outside the box, CutMix (Yun et al., arXiv 1905.04899) inside. */
  mix({ x, y, mixture }, memory) {
    const [N, H, W, C] = x.shape;
    const input = memory.floats(x);
    const output = memory.floats(y);
    const slots = memory.floats(mixture);
    const inside = (at: number, start: number, length: number): boolean => at >= start && at < start + length;
    for (let n = 0; n < N; n++) {
      for (let row = 0; row < H; row++) {
        for (let column = 0; column < W; column++) {
          const boxed =
            inside(column, slots[MIXTURE.left], slots[MIXTURE.width]) &&
            inside(row, slots[MIXTURE.top], slots[MIXTURE.height]);
          const share = boxed ? 1 : slots[MIXTURE.share];
          const pixel = (row * W + column) * C;
          for (let c = pixel; c < pixel + C; c++) {
            const own = input[n * H * W * C + c];
            const partner = input[(N - 1 - n) * H * W * C + c];
            output[n * H * W * C + c] = (1 - share) * own + share * partner;
          }
        }
      }
    }
  },
};
