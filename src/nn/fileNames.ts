/** Names of the files in run and model folders. */

/** What is known of the weights beside it. */
export const CONFIG = 'config.json';
export const HISTORY = 'history.csv';
/** Weights of a run's best epoch. */
export const BEST = 'best.safetensors';
/** Weights of a run's last checkpoint. */
export const LAST = 'last.safetensors';
/** Weights of a model folder. */
export const MODEL = 'model.safetensors';

/** Where weights are looked for on a disk: of a run the best ones, and the last while no epoch has ended. */
export const WEIGHTS_ON_DISK = [BEST, MODEL, LAST] as const;
/** Where they are looked for at a server, which is asked for one after the other: mostly for an exported model. */
export const WEIGHTS_SERVED = [MODEL, BEST, LAST] as const;
