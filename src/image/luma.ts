/** Weights of ITU-R BT.601 times 2^16, rounded to add up to it: PIL's and so torchvision's `L`. */
const LUMA = { r: 19595, g: 38470, b: 7471 } as const;

/** BT.601 luma of 8-bit gamma-encoded values, rounded as PIL rounds it. */
export function luma(r: number, g: number, b: number): number {
  return (r * LUMA.r + g * LUMA.g + b * LUMA.b + 0x8000) >> 16;
}
