import type { RecognizedFace } from '../recognize/types.ts';

/** A picture that the user gave, and what is known of it. */
export interface Photo {
  readonly id: number;
  readonly name: string;
  readonly file: Blob;
  /** Where the browser finds it: a `blob:` address, in its own memory. */
  readonly url: string;
  /** In pixels; 0 before it is opened, and of one that cannot be. */
  readonly width: number;
  readonly height: number;
  /** Undefined: not looked at yet. */
  readonly faces?: readonly RecognizedFace[];
  readonly milliseconds?: number;
  readonly problem?: string;
}

let next = 0;

/** A file that may be a photo, not opened yet. */
export function photoOf(file: File): Photo {
  return { id: next++, name: file.name, file, url: URL.createObjectURL(file), width: 0, height: 0 };
}

/** Opens a photo: its size, or its problem if it is no picture. */
export async function openPhoto({
  url,
}: Photo): Promise<Pick<Photo, 'width' | 'height'> | Pick<Photo, 'problem'>> {
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    // As without a size.
  }
  return image.naturalWidth > 0
    ? { width: image.naturalWidth, height: image.naturalHeight }
    : { problem: 'this is no picture that the browser can read' };
}

/** The pictures of a drop or of the clipboard. */
export function filesOf(transfer: DataTransfer | null): File[] {
  return [...(transfer?.files ?? [])];
}
