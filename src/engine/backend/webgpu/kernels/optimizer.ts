import { HYPER } from '../../../kernels.ts';
import { read } from '../shader.ts';
import type { FlatSpec } from './flat.ts';

type Slot = Exclude<keyof typeof HYPER, 'length'>;

/** A slot of `hyper`: the first of its two parts is the nearest float32. */
const slot = (name: Slot): string => `hyper(${HYPER[name]}u).x`;

/** The gradient with weight decay added, as `g`, beside the parameter `w`. */
const gradient = (decay: boolean): string => `
  let w = param(i);
  let g = grad(i) + (${slot('decayAll')}${decay ? ` + ${slot('weightDecay')}` : ''}) * w;`;

const common = { operands: { hyper: read('f32x2') } } as const;

/** Optimizers as `kernels.ts` defines them, over a run of parameters. */
export const sgd = (decay: boolean, nesterov: boolean): FlatSpec => ({
  ...common,
  name: `sgd${nesterov ? ' nesterov' : ''}${decay ? ' decay' : ''}`,
  flat: { param: 'update', grad: 'read', velocity: 'update' },
  body: `${gradient(decay)}
  let v = ${slot('momentum')} * velocity(i) + g;
  set_velocity(i, v);
  set_param(i, w - ${slot('lr')} * ${nesterov ? `(g + ${slot('momentum')} * v)` : 'v'});`,
});

export const adam = (decay: boolean, amsgrad: boolean): FlatSpec => ({
  ...common,
  name: `${amsgrad ? 'amsgrad' : 'adam'}${decay ? ' decay' : ''}`,
  flat: {
    param: 'update',
    grad: 'read',
    mean: 'update',
    square: 'update',
    ...(amsgrad ? { maximum: 'update' } : {}),
  },
  body: `${gradient(decay)}
  let m = ${slot('momentum')} * mean(i) + ${slot('meanShare')} * g;
  let s = ${slot('squareDecay')} * square(i) + ${slot('squareShare')} * g * g;
  set_mean(i, m);
  set_square(i, s);
  ${
    amsgrad
      ? // Whichever is not smaller, so that a NaN replaces the maximum.
        'let most = select(s, maximum(i), s <= maximum(i));\n  set_maximum(i, most);'
      : 'let most = s;'
  }
  let root = ${slot('rootScale')} * sqrt(most) + ${slot('eps')};
  set_param(i, w - ${decay ? `${slot('shrink')} * w` : 'T(0)'} - ${slot('lr')} * m / root);`,
});

export const adadelta = (decay: boolean): FlatSpec => ({
  ...common,
  name: `adadelta${decay ? ' decay' : ''}`,
  flat: { param: 'update', grad: 'read', square: 'update', delta: 'update' },
  body: `${gradient(decay)}
  let s = ${slot('squareDecay')} * square(i) + ${slot('squareShare')} * g * g;
  let step = g * sqrt(delta(i) + ${slot('eps')}) / sqrt(s + ${slot('eps')});
  set_square(i, s);
  set_delta(i, ${slot('squareDecay')} * delta(i) + ${slot('squareShare')} * step * step);
  set_param(i, w - ${slot('lr')} * step);`,
});

export const adagrad = (decay: boolean): FlatSpec => ({
  ...common,
  name: `adagrad${decay ? ' decay' : ''}`,
  flat: { param: 'update', grad: 'read', sum: 'update' },
  body: `${gradient(decay)}
  let s = sum(i) + g * g;
  set_sum(i, s);
  set_param(i, w - ${slot('lr')} * g / (sqrt(s) + ${slot('eps')}));`,
});

export const AVERAGE: FlatSpec = {
  ...common,
  name: 'average',
  flat: { value: 'read', average: 'update' },
  body: `
  let share = ${slot('average')};
  let old = average(i);
  // A share of 1 forgets even what was no number.
  set_average(i, select(old + share * (value(i) - old), value(i), share == 1.0));`,
};

export const ASCEND: FlatSpec = {
  name: 'ascend',
  flat: { param: 'update', grad: 'read', start: 'write' },
  operands: { squareSum: read() },
  numbers: { radius: 'f32' },
  body: `
  let w = param(i);
  set_start(i, w);
  set_param(i, w + p.radius / (sqrt(squareSum(0u)) + 1e-12) * grad(i));`,
};

export const COPY: FlatSpec = {
  name: 'copy',
  flat: { x: 'read', y: 'write' },
  body: 'set_y(i, x(i));',
};
