import type { Device } from '../engine/createBackend.ts';
import type { Explanation } from '../explain/explainer.ts';
import type { MethodSettings } from '../explain/method.ts';
import type { MethodName } from '../explain/methods.ts';
import type { KEYPOINTS } from '../face/detection.ts';
import type { Box, Point } from '../image/image.ts';
import type { ModelDescription } from '../nn/description.ts';

/**
 * Where the faces of a picture are. `auto` looks for them, but takes a picture of 64 pixels or less as one face; `none`
 * takes every picture so.
 */
export type FacesMode = 'auto' | 'none';

/** What may be asked otherwise of each picture. */
export interface RecognizeOptions {
  /** 10 averages the logits of corners, centre and their mirrors; 1 looks at the centre and is ten times as fast. */
  readonly crops?: 1 | 10;
  readonly faces?: FacesMode;
  /** Faces that the detector is less sure of, above 0 to 1, are left out; 0.7 by default. */
  readonly minScore?: number;
  /** At most so many, the most certain ones. */
  readonly maxFaces?: number;
  /** Side of the smallest faces looked for, as a share of the longer side; 1/64 by default, 1/16 is faster. */
  readonly smallest?: number;
}

/** A call that may be given up. */
export interface Cancellable {
  /**
   * Once it is aborted, the call fails with its reason at once. Pictures whose turn has not come are not read, faces whose turn
   * has not come not explained; what is being computed, and what is next, runs to its end unheard.
   */
  readonly signal?: AbortSignal;
}

export interface ExplainOptions extends Cancellable {
  readonly methods?: readonly MethodName[];
  /** The label whose score is explained, by name or alias; the winning one where it is missing. */
  readonly target?: string;
  readonly crops?: 1 | 10;
  /** Over the defaults of `fer explain`. */
  readonly settings?: Partial<MethodSettings>;
  /** Hears the share of the work done, 0..1, after each method. */
  readonly onProgress?: (share: number) => void;
}

/** A face in a picture and the answer for it. */
export interface RecognizedFace {
  readonly box: Box;
  /** Places of the eyes, nose, mouth and ears, right and left being the person's; null where the picture is taken as one face. */
  readonly keypoints: Readonly<Record<(typeof KEYPOINTS)[number], Point>> | null;
  /** How sure the detector is that this is a face, 0..1; 1 where the picture is taken as one. */
  readonly faceScore: number;
  /** The label with the highest score. */
  readonly label: string;
  /** A number for each label, summing to 1. */
  readonly scores: Readonly<Record<string, number>>;
  /** The square that `crop` shows; it may reach beyond the picture. */
  readonly frame: Box;
  /** What the network saw: grey, [imageSize, imageSize], 0 black to 255 white. `explain` wants it. */
  readonly crop: Uint8Array;
}

/** Pixels in rows from the top left, 8 bits each: grey, RGB or RGBA, as the length of `data` says. */
export interface RawPicture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/**
 * A path or a `file:` URL, the bytes of a JPEG, PNG or WebP file as a `Buffer`, `ArrayBuffer`, `Blob` or `File`, or pixels
 * such as a canvas' `ImageData`.
 */
export type NodePicture = string | URL | Uint8Array | ArrayBuffer | Blob | RawPicture;

/** What recognises: the same in Node and in a browser, but for the kinds of picture. */
export interface PhotoRecognizer<Picture> {
  readonly model: ModelDescription;
  /** For people: what runs the network, such as `CPU, WebAssembly relaxed SIMD, 2 threads`. */
  readonly device: string;
  /** Why it cannot answer any more: closed, or its thread has ended; undefined while it can. */
  readonly problem: Error | undefined;
  /**
   * The faces of a picture, the most certain first; none is an empty list.
   *
   * @throws PictureError for what is no picture, or one that cannot be read
   * @throws UsageError for an option that it does not take
   * @throws FerError once it cannot answer any more: closed, or its thread has ended
   * @throws the reason of a signal that was aborted
   */
  recognize(picture: Picture, options?: RecognizeOptions & Cancellable): Promise<RecognizedFace[]>;
  /**
   * The faces of each of several pictures, a few of them in memory at a time. One bad picture fails them all.
   */
  recognize(
    pictures: readonly Picture[],
    options?: RecognizeOptions & Cancellable,
  ): Promise<RecognizedFace[][]>;
  /**
   * Where in a face its score comes from.
   *
   * @param face an answer of `recognize`, or its crop
   * @throws UsageError for what is no face or crop, for a target that the model does not know, and for methods, crops or
   *   settings that there are not
   * @throws the reason of a signal that was aborted
   */
  explain(face: Pick<RecognizedFace, 'crop'> | Uint8Array, options?: ExplainOptions): Promise<Explanation>;
  /** Ends threads and gives memory back. What is under way fails. */
  close(): Promise<void>;
}

/** The settings of `loadRecognizer` that both worlds share. */
export interface LoadOptions extends RecognizeOptions {
  /** `auto` takes the fastest backend at hand. */
  readonly device?: Device;
  /** 0: one per core. */
  readonly threads?: number;
}

export type { Box, Device, Explanation };
