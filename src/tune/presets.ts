import type { TuneConfig } from '../config.ts';
import { AUGMENTATIONS } from '../engine/augment.ts';

/** The paper trains 300 epochs; what counts epochs keeps its share of a shorter run. */
const PAPER_EPOCHS = 300;
const share = (epochs: number, ofPaper: number, least: number): string =>
  String(Math.max(least, Math.round((epochs * ofPaper) / PAPER_EPOCHS)));

const plateau = (epochs: number): Record<string, string> => ({
  plateau_factor: '0.75',
  plateau_patience: share(epochs, 5, 0),
});

/** What the paper trains with besides: our defaults would hide what is compared, averaged weights above all. */
const PAPER = {
  weight_decay: '1e-4',
  no_decay: 'none',
  ema: '0',
  label_smoothing: '0',
  augmentations: AUGMENTATIONS.join('+'),
};

/**
 * The values that a ready-made study tries, written as on the command line; what is not said is the recipe's.
 *
 * `optimizers` and `schedulers` are the comparisons of Khaireddin & Chen, arXiv 2105.03588. Three things differ
 * from their code: the cosine spans the run, where theirs turns back every ten epochs; `one_cycle` keeps the
 * momentum constant, where PyTorch's OneCycleLR cycles it by default, from 0.95 down to 0.85 and back; and each
 * optimizer has the rate that suits it, where theirs all have 0.01 (`recipe=paper` gives that). Their code does
 * not hold the grid that they searched, so `grid` is ours.
 */
export const PRESETS: Readonly<
  Record<Exclude<TuneConfig['study'], 'own'>, (epochs: number) => Readonly<Record<string, string>>>
> = {
  optimizers: (epochs) => ({
    ...PAPER,
    optimizer: 'sgd,sgd_nesterov,asgd,adam,adam_amsgrad,adadelta,adagrad',
    scheduler: 'constant,plateau',
    warmup: '0',
    ...plateau(epochs),
  }),
  schedulers: (epochs) => ({
    ...PAPER,
    optimizer: 'sgd_nesterov',
    lr: '0.01',
    scheduler: 'constant,plateau,step,one_cycle,cosine,cosine_warm_restarts',
    warmup: '0',
    ...plateau(epochs),
    step_size: share(epochs, 20, 1),
    gamma: '0.5',
    t_max: '0',
    // A cycle of one epoch would end each at no rate at all.
    t_0: share(epochs, 10, 2),
    t_mult: '1',
  }),
  grid: () => ({
    optimizer: 'sgd_nesterov',
    lr: '0.003,0.01,0.03,0.1',
    bs: '32,64,128',
    weight_decay: '1e-4,5e-4',
  }),
};
