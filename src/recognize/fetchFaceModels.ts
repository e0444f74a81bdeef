import { fetchFile } from '../io/fetchFile.ts';

/** Whole literals, so that bundlers see the files. */
const FILES = {
  shortRange: new URL(
    '../../node_modules/@mediapipe/face_detection/face_detection_short_range.tflite',
    import.meta.url,
  ),
  fullRange: new URL(
    '../../node_modules/@mediapipe/face_detection/face_detection_full_range.tflite',
    import.meta.url,
  ),
};

/**
 * The face detector's models, which are bundled with the page.
 *
 * @throws FerError if they are not served
 */
export async function fetchFaceModels(): Promise<{ shortRange: Uint8Array; fullRange: Uint8Array }> {
  const [shortRange, fullRange] = await Promise.all([FILES.shortRange, FILES.fullRange].map(fetchFile));
  return { shortRange, fullRange };
}
