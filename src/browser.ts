/**
 * `fer/browser`: the recogniser for web pages, with the API of the library in Node. Everything is computed in
 * the page's own worker; no picture leaves the browser.
 */
export { DeviceError, FerError, PictureError, UsageError } from './errors.ts';
export { colorOf } from './explain/colorScale.ts';
export { type Explanation, type SaliencyMap, shownMap } from './explain/explainer.ts';
export { METHOD_NAMES, type MethodName } from './explain/methods.ts';
export type { Box } from './image/image.ts';
export type { ModelDescription } from './nn/description.ts';
export { type BrowserLoadOptions, loadRecognizer } from './recognize/browser.ts';
export type { BrowserPicture } from './recognize/browserPicture.ts';
export type {
  Cancellable,
  ExplainOptions,
  PhotoRecognizer,
  RawPicture,
  RecognizedFace,
  RecognizeOptions,
} from './recognize/types.ts';
