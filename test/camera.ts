import { writeFileSync } from 'node:fs';
import sharp from 'sharp';

/** Frames of the file; the browser starts again at its end. */
const FRAMES = 10;

/**
 * Writes what Chromium's fake camera shows: a still picture as Motion JPEG, which is one JPEG after the other.
 * Returns the browser's arguments for it.
 */
export async function fakeCamera(file: string, picture: Buffer): Promise<string[]> {
  const frame = await sharp(picture)
    .resize(640, 480, { fit: 'cover' })
    .jpeg({ quality: 95, chromaSubsampling: '4:2:0' })
    .toBuffer();
  writeFileSync(file, Buffer.concat(Array.from({ length: FRAMES }, () => frame)));
  return [
    '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream',
    `--use-file-for-fake-video-capture=${file}`,
  ];
}
