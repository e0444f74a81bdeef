import type { Backend } from '../src/engine/backend.ts';

export function trainingSteps(
  backend: Backend,
  width?: number,
): Promise<{ losses: number[]; logits: Float32Array; moves: number[] }>;
