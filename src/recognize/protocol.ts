/**
 * What the two sides of a recogniser's thread say to each other. The thread keeps callers free: a page goes
 * on drawing and a service answering while a network runs, and only a worker may wait for other threads.
 */
import { DeviceError, FerError, PictureError, UsageError } from '../errors.ts';
import type { Explanation } from '../explain/explainer.ts';
import type { ModelDescription } from '../nn/description.ts';
import type { ExplainOptions, RecognizedFace, RecognizeOptions } from './types.ts';

/** What a side needs of the other: a worker, or a worker's own global scope. */
export interface Port {
  post(message: unknown, transfer?: readonly Transferable[]): void;
  listen(onMessage: (message: unknown) => void): void;
}

/** Each call with what it takes and gives; `Picture` is what the thread can turn into pixels. */
export interface Calls<Setup = unknown, Picture = unknown> {
  open: { takes: Setup; gives: Opened };
  recognize: {
    takes: { pictures: readonly Picture[]; options: RecognizeOptions };
    gives: RecognizedFace[][];
  };
  explain: {
    takes: { crop: Uint8Array; options: Omit<ExplainOptions, 'onProgress'> };
    gives: Explanation;
  };
}

export interface Opened {
  readonly model: ModelDescription;
  readonly device: string;
}

export type CallName = keyof Calls;

export interface Request {
  readonly id: number;
  readonly call: CallName;
  readonly takes: unknown;
}

export type Reply =
  | { readonly id: number; readonly gives: unknown }
  | { readonly id: number; readonly error: SentError }
  /** A share of the work, 0..1. */
  | { readonly id: number; readonly progress: number };

/** An error as it crosses between threads, which do not share classes. */
export interface SentError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
}

export function sentError(error: unknown): SentError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  return { name: error.name, message: error.message, stack: error.stack };
}

/** The error again, of the class it had where the caller can mend it. */
export function receivedError({ name, message, stack }: SentError): Error {
  if (name === 'UsageError') return new UsageError(message);
  if (name === 'PictureError') return new PictureError(message);
  if (name === 'DeviceError') return new DeviceError(message);
  if (name === 'FerError') return new FerError(message);
  return Object.assign(new Error(message), { name, ...(stack === undefined ? {} : { stack }) });
}
