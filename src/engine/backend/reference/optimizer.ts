import { HYPER, type KernelTable } from '../../kernels.ts';
import type { Tensor } from '../../tensor.ts';
import type { Memory } from './memory.ts';

type Names =
  | 'sgd'
  | 'adam'
  | 'amsgrad'
  | 'adadelta'
  | 'adagrad'
  | 'squareSum'
  | 'ascend'
  | 'copy'
  | 'average';

/** One step of an optimizer on a run of parameters, as torch.optim of PyTorch 1.13 defines it. */
export const OPTIMIZER: Pick<KernelTable<Memory>, Names> = {
  /** Without dampening (Sutskever et al., ICML 2013, in PyTorch's form). */
  sgd({ velocity, nesterov, ...common }, memory) {
    const { p, g, slots } = open(common, memory);
    const v = memory.floats(velocity);
    const lr = slots[HYPER.lr];
    const momentum = slots[HYPER.momentum];
    for (let i = 0; i < p.length; i++) {
      v[i] = momentum * v[i] + g[i];
      p[i] -= lr * (nesterov ? g[i] + momentum * v[i] : v[i]);
    }
  },

  /** Kingma & Ba, arXiv 1412.6980; with `shrink` Loshchilov & Hutter, arXiv 1711.05101. */
  adam: (args, memory) => adam(args, memory),
  /** Reddi et al., arXiv 1904.09237. */
  amsgrad: (args, memory) => adam(args, memory, memory.floats(args.maximum)),

  /** Zeiler, arXiv 1212.5701. */
  adadelta({ square, delta, ...common }, memory) {
    const { p, g, slots } = open(common, memory);
    const s = memory.floats(square);
    const d = memory.floats(delta);
    const kept = slots[HYPER.squareDecay];
    const share = slots[HYPER.squareShare];
    const eps = slots[HYPER.eps];
    for (let i = 0; i < p.length; i++) {
      s[i] = kept * s[i] + share * g[i] ** 2;
      const step = (g[i] * Math.sqrt(d[i] + eps)) / Math.sqrt(s[i] + eps);
      d[i] = kept * d[i] + share * step ** 2;
      p[i] -= slots[HYPER.lr] * step;
    }
  },

  /** Duchi et al., JMLR 12, 2011. */
  adagrad({ sum, ...common }, memory) {
    const { p, g, slots } = open(common, memory);
    const s = memory.floats(sum);
    for (let i = 0; i < p.length; i++) {
      s[i] += g[i] ** 2;
      p[i] -= (slots[HYPER.lr] * g[i]) / (Math.sqrt(s[i]) + slots[HYPER.eps]);
    }
  },

  squareSum({ x, sum }, memory) {
    memory.floats(sum)[0] = memory.floats(x).reduce((total, value) => total + value ** 2, 0);
  },

  ascend({ param, grad, squareSum, start, radius }, memory) {
    const p = memory.floats(param);
    const g = memory.floats(grad);
    memory.floats(start).set(p);
    const scale = radius / (Math.sqrt(memory.floats(squareSum)[0]) + 1e-12);
    for (let i = 0; i < p.length; i++) p[i] += scale * g[i];
  },

  copy: ({ x, y }, memory) => memory.floats(y).set(memory.floats(x)),

  average({ value, average, hyper }, memory) {
    const from = memory.floats(value);
    const to = memory.floats(average);
    const share = memory.floats(hyper)[HYPER.average];
    for (let i = 0; i < to.length; i++) to[i] = share === 1 ? from[i] : to[i] + share * (from[i] - to[i]);
  },
};

interface Common {
  readonly param: Tensor;
  readonly grad: Tensor;
  readonly hyper: Tensor;
  readonly decay: boolean;
}

/** Parameters, their gradients with weight decay added, and the step's values. */
function open({ param, grad, hyper, decay }: Common, memory: Memory) {
  const p = memory.floats(param);
  const slots = memory.floats(hyper);
  const weightDecay = slots[HYPER.decayAll] + (decay ? slots[HYPER.weightDecay] : 0);
  return { p, slots, g: memory.floats(grad).map((value, i) => value + weightDecay * p[i]) };
}

function adam(
  { mean, square, ...common }: Common & { readonly mean: Tensor; readonly square: Tensor },
  memory: Memory,
  maximum?: Float64Array,
): void {
  const { p, g, slots } = open(common, memory);
  const m = memory.floats(mean);
  const s = memory.floats(square);
  const shrink = common.decay ? slots[HYPER.shrink] : 0;
  for (let i = 0; i < p.length; i++) {
    m[i] = slots[HYPER.momentum] * m[i] + slots[HYPER.meanShare] * g[i];
    s[i] = slots[HYPER.squareDecay] * s[i] + slots[HYPER.squareShare] * g[i] ** 2;
    if (maximum) maximum[i] = Math.max(maximum[i], s[i]);
    const root = Math.sqrt(maximum ? maximum[i] : s[i]);
    p[i] -= shrink * p[i] + (slots[HYPER.lr] * m[i]) / (slots[HYPER.rootScale] * root + slots[HYPER.eps]);
  }
}
