import type { Call } from '../../kernels.ts';
import { sizeOf } from '../../tensor.ts';

/** Multiplications of a product by its definition; 0 for other kernels. */
export function multiplicationsOf({ kernel, args }: Call): number {
  switch (kernel) {
    case 'conv3x3.forward':
      return sizeOf(args.x.shape) * 9 * args.w.shape[0];
    case 'conv3x3.backwardInput':
      return sizeOf(args.dx.shape) * 9 * args.w.shape[0];
    case 'conv3x3.backwardWeight':
      return sizeOf(args.x.shape) * 9 * args.dw.shape[0];
    case 'linear.forward':
      return sizeOf(args.x.shape) * args.w.shape[0];
    case 'linear.backwardInput':
      return sizeOf(args.dx.shape) * args.w.shape[0];
    case 'linear.backwardWeight':
      return sizeOf(args.x.shape) * args.dw.shape[0];
    default:
      return 0;
  }
}
