/** Options that several verbs share, and what their values may be. */
import { DEVICES, MOST_THREADS, PRECISIONS } from '../engine/createBackend.ts';
import { NETWORKS, type NetworkName } from '../nn/networks.ts';
import { option, required } from './option.ts';
import { bool, choice, int, text } from './value.ts';

export const THEMES = ['light', 'dark'] as const;
export const DTYPES = ['fp32', 'fp16'] as const;

const AUTO_THREADS = { auto: 0 } as const;

/** A run is a folder, so its name must be a plain file name on every system. */
export const RUN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** Options that several verbs share. */
export const shared = {
  data: required(text(), 'fer2013.csv, icml_face_data.csv, a folder of images, synthetic or synthetic:N'),
  labels: option(text(/^/), '', 'fer2013new.csv of FER+: its eight labels in place of those of fer2013.csv'),
  model: option(
    text(/^/),
    '',
    'a run or model folder, or a .safetensors file in one; default: the network that comes with fer',
  ),
  network: option(
    choice(Object.keys(NETWORKS) as NetworkName[]),
    'vgg',
    'architecture; vgg is the network of the paper, vgg_lite its convolutions with one linear layer instead of three',
  ),
  width: option(
    int({ min: 1, max: 1024, step: 8 }),
    64,
    'channels of the first stage; the others scale with it, and time with its square',
  ),
  crop_size: option(
    int({ min: 1, max: 1024 }),
    NETWORKS.vgg.inputSize,
    'side of the crops that the network sees, in pixels: 40 is the paper’s, a larger one shows more of a face of 48',
  ),
  bs: option(int({ min: 1, max: 4096, log: true }), 64, 'images a step'),
  crops: option(
    choice([1, 10]),
    10,
    '10 averages the logits of corners, centre and mirrors; 1 is the centre',
  ),
  limit: option(
    int({ min: 0 }),
    0,
    'only the first so many images of each split, of a folder as many spread over all its pictures; 0 is all',
  ),
  threads: option(
    int({ min: 0, max: MOST_THREADS, words: AUTO_THREADS }),
    0,
    'worker threads; auto is one per core. The result does not depend on it',
  ),
  device: option(
    choice(DEVICES, { wasm: 'cpu', webgpu: 'gpu' }),
    'auto',
    'auto: a GPU if there is one, else cpu (WebAssembly); gpu-software: the fastest adapter, software ones allowed; reference: slow float64, the definition',
  ),
  precision: option(
    choice(PRECISIONS, { float32: 'fp32' }),
    'fp32',
    'mixed: on a GPU, values between layers in 16 bits and products on its matrix units; weights and sums stay in 32',
  ),
  theme: option(choice(THEMES), 'light', 'colours of the pictures'),
  json: option(bool(), false, 'print a single JSON value on standard output, and nothing else'),
};
