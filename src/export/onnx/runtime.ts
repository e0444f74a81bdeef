import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { FerError } from '../../errors.ts';

/** The part of ONNX Runtime's API that a check needs. */
export interface OnnxRuntime {
  readonly InferenceSession: {
    create(bytes: Uint8Array, options: { intraOpNumThreads?: number }): Promise<OnnxSession>;
  };
  readonly Tensor: new (
    type: 'uint8' | 'float32',
    data: Uint8Array | Float32Array,
    shape: readonly number[],
  ) => object;
}

export interface OnnxSession {
  run(feeds: Record<string, object>): Promise<Record<string, { readonly data: unknown }>>;
  release(): Promise<void>;
}

/** The version that was tried. */
const VERSION = '1.30.0';

/**
 * ONNX Runtime, from the folder named by FER_ORT, from beside this package or from where the command runs.
 *
 * It is no dependency: it has 290 MB for all platforms, and its install script downloads.
 *
 * @throws FerError saying how to install it
 */
export function loadOnnxRuntime(): OnnxRuntime {
  const { FER_ORT } = process.env;
  const places = FER_ORT
    ? [join(resolve(FER_ORT), 'index.js')]
    : [import.meta.url, join(process.cwd(), 'index.js')];
  for (const place of places) {
    const require = createRequire(place);
    let found: string;
    try {
      found = require.resolve('onnxruntime-node');
    } catch {
      continue;
    }
    try {
      return require(found) as OnnxRuntime;
    } catch (error) {
      throw new FerError(`${found} cannot be loaded: ${(error as Error).message}; install it again`);
    }
  }
  throw new FerError(
    `an exported ONNX file is run once in ONNX Runtime, and onnxruntime-node is not ${FER_ORT ? `in ${FER_ORT}` : 'installed'}. In any folder: ` +
      `npm install --ignore-scripts onnxruntime-node@${VERSION} (290 MB; its install script downloads what is not ` +
      'needed), and name the folder in FER_ORT if it is another one; or give check=false to write the file unchecked',
  );
}
