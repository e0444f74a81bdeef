import type { exportOptions } from '../config.ts';
import { exportFolder } from './exportFolder.ts';
import { exportOnnx } from './exportOnnx.ts';
import type { Run } from './verb.ts';

/** `fer export`: a model in a form that can be passed on. */
export const run: Run<typeof exportOptions> = async ({ config }, out) => {
  switch (config.format) {
    case 'safetensors':
      return exportFolder(config, out);
    case 'onnx':
      return exportOnnx(config, out);
    default:
      throw new Error(`unknown format ${config.format satisfies never}`);
  }
};
