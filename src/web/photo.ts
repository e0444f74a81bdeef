import type { RecognizedFace } from '../recognize/types.ts';

/** A picture that the user gave, and what is known of it. */
export interface Photo {
  readonly id: number;
  readonly name: string;
  readonly file: Blob;
  /** Where the browser finds it: a `blob:` address, in its own memory. */
  readonly url: string;
  readonly width: number;
  readonly height: number;
  /** Undefined: not looked at yet. */
  readonly faces?: readonly RecognizedFace[];
  readonly milliseconds?: number;
  readonly problem?: string;
}

let next = 0;

/** Opens a file as a photo; one that is no picture has its problem. */
export async function openPhoto(file: Blob, name: string): Promise<Photo> {
  const photo = { id: next++, name, file, url: URL.createObjectURL(file), width: 0, height: 0 };
  const image = new Image();
  image.src = photo.url;
  try {
    await image.decode();
    return { ...photo, width: image.naturalWidth, height: image.naturalHeight };
  } catch {
    return { ...photo, problem: 'this is no picture that the browser can read' };
  }
}

/** The pictures of a drop or of the clipboard. */
export function filesOf(transfer: DataTransfer | null): File[] {
  return [...(transfer?.files ?? [])];
}
