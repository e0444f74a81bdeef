import { decay4, LR, MOMENTUM, slot, slot4 } from './hyper';
import { arg, least, madd } from './madd';

/** Four parameters after a step with gradient `grad`; `lr` is negative. Moves their velocity. */
@inline
export function sgdStep(param: usize, grad: v128, velocity: usize, lr: v128, momentum: v128, decay: v128, nesterov: bool): v128 {
  const p = v128.load(param);
  const g = madd(p, decay, grad);
  const v = madd(v128.load(velocity), momentum, g);
  v128.store(velocity, v);
  return madd(lr, nesterov ? madd(v, momentum, g) : v, p);
}

/**
 * Item: a block of parameters, a multiple of 4. PyTorch's SGD with momentum.
 * Record: param, grad, velocity, hyper, length, block, decay, nesterov.
 */
export function sgd(a: usize, item: usize, scratch: usize): void {
  const param: usize = arg(a, 0);
  const grad: usize = arg(a, 1);
  const velocity: usize = arg(a, 2);
  const hyper: usize = arg(a, 3);
  const block = arg(a, 5);
  const lr = f32x4.splat(-slot(hyper, LR));
  const momentum = slot4(hyper, MOMENTUM);
  const decay = decay4(hyper, arg(a, 6));
  const nesterov = arg(a, 7) != 0;
  const end = least(arg(a, 4), (item + 1) * block) << 2;
  for (let i = item * block * 4; i < end; i += 16) {
    v128.store(param + i, sgdStep(param + i, v128.load(grad + i), velocity + i, lr, momentum, decay, nesterov));
  }
}
