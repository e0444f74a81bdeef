/** Optimizers with a step of its own for each parameter. Item: a block of parameters, a multiple of 4. */
import {
  decay4,
  EPS,
  LR,
  MEAN_SHARE,
  MOMENTUM,
  ROOT_SCALE,
  SHRINK,
  slot,
  slot4,
  SQUARE_DECAY,
  SQUARE_SHARE,
} from './hyper';
import { arg, least, madd } from './madd';

/**
 * Adam, AMSGrad where there is a maximum, AdamW where there is a shrink.
 * Record: param, grad, mean, square, maximum or 0, hyper, length, block, decay.
 */
export function adam(a: usize, item: usize, scratch: usize): void {
  const param: usize = arg(a, 0);
  const grad: usize = arg(a, 1);
  const mean: usize = arg(a, 2);
  const square: usize = arg(a, 3);
  const maximum: usize = arg(a, 4);
  const hyper: usize = arg(a, 5);
  const block = arg(a, 7);
  const lr = f32x4.splat(-slot(hyper, LR));
  const decay = decay4(hyper, arg(a, 8));
  const shrink = f32x4.splat(arg(a, 8) ? -slot(hyper, SHRINK) : 0);
  const meanKept = slot4(hyper, MOMENTUM);
  const meanShare = slot4(hyper, MEAN_SHARE);
  const squareKept = slot4(hyper, SQUARE_DECAY);
  const squareShare = slot4(hyper, SQUARE_SHARE);
  const rootScale = slot4(hyper, ROOT_SCALE);
  const eps = slot4(hyper, EPS);
  const end = least(arg(a, 6), (item + 1) * block) << 2;
  for (let i = item * block * 4; i < end; i += 16) {
    const p = v128.load(param + i);
    const g = madd(p, decay, v128.load(grad + i));
    const m = madd(meanShare, g, f32x4.mul(v128.load(mean + i), meanKept));
    const s = madd(f32x4.mul(g, squareShare), g, f32x4.mul(v128.load(square + i), squareKept));
    v128.store(mean + i, m);
    v128.store(square + i, s);
    let under = s;
    if (maximum) {
      under = f32x4.max(v128.load(maximum + i), s);
      v128.store(maximum + i, under);
    }
    const step = f32x4.div(m, madd(f32x4.sqrt(under), rootScale, eps));
    v128.store(param + i, madd(lr, step, madd(p, shrink, p)));
  }
}

/** Record: param, grad, square, delta, hyper, length, block, decay. */
export function adadelta(a: usize, item: usize, scratch: usize): void {
  const param: usize = arg(a, 0);
  const grad: usize = arg(a, 1);
  const square: usize = arg(a, 2);
  const delta: usize = arg(a, 3);
  const hyper: usize = arg(a, 4);
  const block = arg(a, 6);
  const lr = f32x4.splat(-slot(hyper, LR));
  const decay = decay4(hyper, arg(a, 7));
  const kept = slot4(hyper, SQUARE_DECAY);
  const share = slot4(hyper, SQUARE_SHARE);
  const eps = slot4(hyper, EPS);
  const end = least(arg(a, 5), (item + 1) * block) << 2;
  for (let i = item * block * 4; i < end; i += 16) {
    const p = v128.load(param + i);
    const g = madd(p, decay, v128.load(grad + i));
    const s = madd(f32x4.mul(g, share), g, f32x4.mul(v128.load(square + i), kept));
    const d = v128.load(delta + i);
    const ratio = f32x4.div(f32x4.sqrt(f32x4.add(d, eps)), f32x4.sqrt(f32x4.add(s, eps)));
    const step = f32x4.mul(ratio, g);
    v128.store(square + i, s);
    v128.store(delta + i, madd(f32x4.mul(step, share), step, f32x4.mul(d, kept)));
    v128.store(param + i, madd(lr, step, p));
  }
}

/** Record: param, grad, sum, hyper, length, block, decay. */
export function adagrad(a: usize, item: usize, scratch: usize): void {
  const param: usize = arg(a, 0);
  const grad: usize = arg(a, 1);
  const sum: usize = arg(a, 2);
  const hyper: usize = arg(a, 3);
  const block = arg(a, 5);
  const lr = f32x4.splat(-slot(hyper, LR));
  const decay = decay4(hyper, arg(a, 6));
  const eps = slot4(hyper, EPS);
  const end = least(arg(a, 4), (item + 1) * block) << 2;
  for (let i = item * block * 4; i < end; i += 16) {
    const p = v128.load(param + i);
    const g = madd(p, decay, v128.load(grad + i));
    const s = madd(g, g, v128.load(sum + i));
    v128.store(sum + i, s);
    v128.store(param + i, madd(lr, f32x4.div(g, f32x4.add(f32x4.sqrt(s), eps)), p));
  }
}
