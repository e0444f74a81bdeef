import { decay4, LR, MOMENTUM, slot, slot4 } from './hyper';
import { arg, least, madd } from './madd';

/**
 * PyTorch's SGD with momentum over `bytes` of parameters, a multiple of 16.
 */
export function sgdRun(param: usize, grad: usize, velocity: usize, bytes: usize, hyper: usize, decayed: usize, nesterov: bool): void {
  const lr = f32x4.splat(-slot(hyper, LR));
  const momentum = slot4(hyper, MOMENTUM);
  const decay = decay4(hyper, decayed);
  for (let i: usize = 0; i < bytes; i += 16) {
    const p = v128.load(param + i);
    const g = madd(p, decay, v128.load(grad + i));
    const v = madd(v128.load(velocity + i), momentum, g);
    v128.store(velocity + i, v);
    v128.store(param + i, madd(lr, nesterov ? madd(v, momentum, g) : v, p));
  }
}

/**
 * Item: a block of parameters, a multiple of 4.
 * Record: param, grad, velocity, hyper, length, block, decay, nesterov.
 */
export function sgd(a: usize, item: usize, scratch: usize): void {
  const block = arg(a, 5);
  const first: usize = item * block * 4;
  const bytes = (least(arg(a, 4), (item + 1) * block) << 2) - first;
  sgdRun(arg(a, 0) + first, arg(a, 1) + first, arg(a, 2) + first, bytes, arg(a, 3), arg(a, 6), arg(a, 7) != 0);
}
