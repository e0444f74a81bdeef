import { HYPER, type KernelTable } from '../../kernels.ts';
import type { Memory } from './memory.ts';

/** One step of an optimizer on a run of parameters. */
export const OPTIMIZER: Pick<KernelTable<Memory>, 'sgd'> = {
  /** torch.optim.SGD without dampening (Sutskever et al., ICML 2013, in PyTorch's form). */
  sgd({ param, grad, velocity, hyper, decay, nesterov }, memory) {
    const p = memory.floats(param);
    const v = memory.floats(velocity);
    const gradient = memory.floats(grad);
    const slots = memory.floats(hyper);
    const lr = slots[HYPER.lr];
    const momentum = slots[HYPER.momentum];
    const weightDecay = decay ? slots[HYPER.weightDecay] : 0;
    for (let i = 0; i < p.length; i++) {
      const g = gradient[i] + weightDecay * p[i];
      v[i] = momentum * v[i] + g;
      p[i] -= lr * (nesterov ? g + momentum * v[i] : v[i]);
    }
  },
};
