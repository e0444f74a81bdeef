import type { Method } from './method.ts';
import { gradCam } from './methods/gradCam.ts';
import { gradient } from './methods/gradient.ts';
import { integrated } from './methods/integrated.ts';
import { occlusion } from './methods/occlusion.ts';
import { smoothGrad } from './methods/smoothGrad.ts';

/** Every method by the name that `method=` takes: a new one is a file and a line here. */
export const METHODS = {
  gradient,
  smoothgrad: smoothGrad,
  integrated,
  gradcam: gradCam,
  occlusion,
} as const satisfies Record<string, Method>;

export type MethodName = keyof typeof METHODS;
export const METHOD_NAMES = Object.keys(METHODS) as MethodName[];
