// Reads the `hyper` tensor; the slots are those of HYPER in src/engine/kernels.ts.
export const LR: usize = 0;
export const MOMENTUM: usize = 1;
export const SHRINK: usize = 4;
export const MEAN_SHARE: usize = 5;
export const SQUARE_DECAY: usize = 6;
export const SQUARE_SHARE: usize = 7;
export const ROOT_SCALE: usize = 8;
export const EPS: usize = 9;
export const AVERAGE: usize = 10;
const WEIGHT_DECAY: usize = 2;
const DECAY_ALL: usize = 3;

@inline
export function slot(hyper: usize, index: usize): f32 {
  return <f32>load<f64>(hyper + (index << 3));
}

/** A slot in all four lanes. */
@inline
export function slot4(hyper: usize, index: usize): v128 {
  return f32x4.splat(slot(hyper, index));
}

/** What is added to the gradient for each unit of a parameter. */
@inline
export function decay4(hyper: usize, decay: usize): v128 {
  const all = load<f64>(hyper + (DECAY_ALL << 3));
  return f32x4.splat(<f32>(decay != 0 ? all + load<f64>(hyper + (WEIGHT_DECAY << 3)) : all));
}
