/** What an exported network takes: grey pictures of faces as bytes, or crops scaled to 0..1. */
export const ONNX_INPUTS = ['faces', 'crops'] as const;
export type OnnxInput = (typeof ONNX_INPUTS)[number];
