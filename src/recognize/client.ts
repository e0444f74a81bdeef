import { DeviceError, FerError, UsageError } from '../errors.ts';
import type { Explanation } from '../explain/explainer.ts';
import type { ModelDescription } from '../nn/description.ts';
import { Limiter } from './limiter.ts';
import {
  type CallName,
  type Calls,
  type Opened,
  type Port,
  type Reply,
  type Request,
  receivedError,
} from './protocol.ts';
import { describeValue, isBytes } from './raw.ts';
import type {
  Cancellable,
  ExplainOptions,
  PhotoRecognizer,
  RecognizedFace,
  RecognizeOptions,
} from './types.ts';

/** Calls of a kind that the thread has at a time: pictures take memory, and what it has it cannot be asked to leave out. */
const READ_AHEAD = 2;

/** A thread with a recogniser, from the caller's side. */
export interface Thread extends Port {
  /** Hears why the thread ended by itself. */
  onEnd(listener: (reason: Error) => void): void;
  /** Whether an answer is waited for: a thread that nobody waits for keeps no program alive. */
  busy(yes: boolean): void;
  end(): Promise<void>;
}

/** What is sent in place of a caller's picture, and the memory that goes along instead of being copied. */
export interface Sent<Picture> {
  readonly picture: Picture;
  readonly transfer: readonly Transferable[];
  /** Gives back what it holds, where it is not sent after all. */
  readonly discard?: () => void;
}

/** How pictures get to the thread. */
export interface Sending<Picture, SentPicture> {
  readonly send: (picture: Picture) => Promise<Sent<SentPicture>>;
  /** Pictures of a longer list that cross together, and are in memory together. */
  readonly group: number;
}

interface Waiting {
  resolve(gives: unknown): void;
  reject(error: unknown): void;
  onProgress?(share: number): void;
}

/** The caller's side of a recogniser whose work is done in a thread; see `host`. */
export class RecognizerClient<Picture, SentPicture> implements PhotoRecognizer<Picture> {
  readonly model: ModelDescription;
  readonly device: string;
  readonly #calls: ThreadCalls;
  readonly #send: (picture: Picture) => Promise<Sent<SentPicture>>;
  readonly #group: number;
  /** While the thread is busy with some pictures, the next ones are decoded, and no more: they take memory. */
  readonly #turns = new Limiter(READ_AHEAD);
  /** Of their own: a map of one face does not wait for a long list of pictures. */
  readonly #explainTurns = new Limiter(READ_AHEAD);

  private constructor(
    calls: ThreadCalls,
    { model, device }: Opened,
    { send, group }: Sending<Picture, SentPicture>,
  ) {
    this.model = model;
    this.device = device;
    this.#calls = calls;
    this.#send = send;
    this.#group = group;
  }

  /** Opens a recogniser in a thread that has just been started; the thread is ended if that fails. */
  static async open<Picture, SentPicture>(
    thread: Thread,
    setup: unknown,
    sending: Sending<Picture, SentPicture>,
    onProgress?: (share: number) => void,
  ): Promise<RecognizerClient<Picture, SentPicture>> {
    const calls = new ThreadCalls(thread);
    try {
      return new RecognizerClient(calls, await calls.call('open', setup, [], onProgress), sending);
    } catch (error) {
      await calls.close();
      throw error;
    }
  }

  recognize(picture: Picture, options?: RecognizeOptions & Cancellable): Promise<RecognizedFace[]>;
  recognize(
    pictures: readonly Picture[],
    options?: RecognizeOptions & Cancellable,
  ): Promise<RecognizedFace[][]>;
  async recognize(
    pictures: Picture | readonly Picture[],
    { signal, ...options }: RecognizeOptions & Cancellable = {},
  ): Promise<RecognizedFace[] | RecognizedFace[][]> {
    const isList = Array.isArray(pictures);
    const found = await unlessAborted(signal, () =>
      this.#recognize(isList ? pictures : [pictures as Picture], options, signal),
    );
    return isList ? found : found[0];
  }

  /** The faces of each picture, those of a group together; after a failure no further group is begun. */
  async #recognize(
    pictures: readonly Picture[],
    options: RecognizeOptions,
    signal: AbortSignal | undefined,
  ): Promise<RecognizedFace[][]> {
    const groups: Picture[][] = [];
    const size = this.#group;
    for (let i = 0; i < pictures.length; i += size) groups.push(pictures.slice(i, i + size));
    const found: RecognizedFace[][][] = [];
    let failed = false;
    const unwanted = (): boolean => failed || signal?.aborted === true;
    let next = 0;
    // No more of a list than the thread takes at a time: whoever comes after it waits for these, not for all of it.
    const recognizeSome = async (): Promise<void> => {
      while (next < groups.length && !unwanted()) {
        const i = next++;
        try {
          found[i] = await this.#recognizeGroup(groups[i], options, unwanted);
        } catch (error) {
          failed = true;
          throw error;
        }
      }
    };
    await Promise.all(Array.from({ length: READ_AHEAD }, recognizeSome));
    return found.flat();
  }

  /** The faces of a few pictures, when it is their turn; nothing if they are wanted no more by then. */
  #recognizeGroup(
    pictures: readonly Picture[],
    options: RecognizeOptions,
    unwanted: () => boolean,
  ): Promise<RecognizedFace[][]> {
    return this.#turns.run(async () => {
      if (unwanted()) return [];
      // Nothing is decoded that nobody will look at.
      if (this.problem) throw this.problem;
      const sent = await Promise.all(pictures.map((picture) => this.#send(picture)));
      if (unwanted()) {
        for (const { discard } of sent) discard?.();
        return [];
      }
      const takes = { pictures: sent.map(({ picture }) => picture), options };
      return this.#calls.call(
        'recognize',
        takes,
        sent.flatMap(({ transfer }) => transfer),
      );
    });
  }

  async explain(
    face: Pick<RecognizedFace, 'crop'> | Uint8Array,
    { onProgress, signal, ...options }: ExplainOptions = {},
  ): Promise<Explanation> {
    const crop = cropOf(face);
    const heard = onProgress && ((share: number) => signal?.aborted || onProgress(share));
    return unlessAborted(signal, () =>
      this.#explainTurns.run(() => {
        signal?.throwIfAborted();
        return this.#calls.call('explain', { crop, options }, [], heard);
      }),
    );
  }

  get problem(): Error | undefined {
    return this.#calls.ended;
  }

  close(): Promise<void> {
    return this.#calls.close();
  }
}

/** @throws UsageError for what is no face of `recognize`, nor its crop */
function cropOf(face: unknown): Uint8Array {
  if (isBytes(face)) return face;
  const crop = (face as Partial<RecognizedFace> | null | undefined)?.crop;
  if (isBytes(crop)) return crop;
  const found = crop === undefined ? describeValue(face) : `a crop that is ${describeValue(crop)}`;
  throw new UsageError(`expected a face that \`recognize\` gave, or its crop, a Uint8Array; found ${found}`);
}

/** The outcome of work, or the reason of a signal that is aborted before; then the work's outcome is not heard. */
async function unlessAborted<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  if (!signal) return work();
  signal.throwIfAborted();
  return new Promise<T>((resolve, reject) => {
    const forget = onAbort(signal, reject);
    work()
      .then((value) => (signal.aborted ? reject(signal.reason) : resolve(value)), reject)
      .finally(forget);
  });
}

/** Who waits for each signal: one listener for all, as Node warns of signals with more than ten. */
const waitingFor = new WeakMap<AbortSignal, Set<(reason: unknown) => void>>();

/** Tells a signal's reason when it is aborted, until what is returned is called. */
function onAbort(signal: AbortSignal, tell: (reason: unknown) => void): () => void {
  const known = waitingFor.get(signal);
  const waiting = known ?? new Set();
  if (!known) {
    waitingFor.set(signal, waiting);
    const tellAll = (): void => {
      for (const each of waiting) each(signal.reason);
    };
    signal.addEventListener('abort', tellAll, { once: true });
  }
  waiting.add(tell);
  return () => waiting.delete(tell);
}

/** Calls into a thread, each waiting for the reply with its number. */
class ThreadCalls {
  readonly #thread: Thread;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #ended: Error | undefined;

  constructor(thread: Thread) {
    this.#thread = thread;
    thread.listen((message) => this.#receive(message as Reply));
    thread.onEnd((reason) => this.#end(reason));
  }

  /** Why there are no more answers; undefined while there are. */
  get ended(): Error | undefined {
    return this.#ended;
  }

  async call<Name extends CallName>(
    call: Name,
    takes: unknown,
    transfer: readonly Transferable[] = [],
    onProgress?: (share: number) => void,
  ): Promise<Calls[Name]['gives']> {
    if (this.#ended) throw this.#ended;
    const id = this.#next++;
    return new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, onProgress });
      this.#thread.busy(true);
      const request: Request = { id, call, takes };
      try {
        this.#thread.post(request, transfer);
      } catch (error) {
        this.#done(id);
        reject(error);
      }
    }) as Promise<Calls[Name]['gives']>;
  }

  async close(): Promise<void> {
    this.#end(new FerError('the recognizer is closed'));
    await this.#thread.end();
  }

  #receive(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    if ('progress' in reply) {
      try {
        waiting.onProgress?.(reply.progress);
      } catch (error) {
        // The listener's mistake is its call's alone: nobody else could catch it here.
        this.#done(reply.id);
        waiting.reject(error);
      }
      return;
    }
    this.#done(reply.id);
    if ('gives' in reply) {
      waiting.resolve(reply.gives);
      return;
    }
    const error = receivedError(reply.error);
    waiting.reject(error);
    if (error instanceof DeviceError) this.#end(error);
  }

  #done(id: number): void {
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#thread.busy(false);
  }

  #end(reason: Error): void {
    this.#ended ??= reason;
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
    this.#thread.busy(false);
  }
}
