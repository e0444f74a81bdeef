import { useEffect, useState } from 'preact/hooks';
import { loadRecognizer } from '../recognize/browser.ts';
import type { BrowserPicture } from '../recognize/browserPicture.ts';
import type { PhotoRecognizer } from '../recognize/types.ts';

export type PageRecognizer = PhotoRecognizer<BrowserPicture>;

export type Loading =
  | { readonly state: 'loading'; readonly share: number }
  | { readonly state: 'ready'; readonly recognizer: PageRecognizer }
  | { readonly state: 'failed'; readonly reason: string };

const listeners = new Set<(loading: Loading) => void>();
let now: Loading | undefined;

function tell(loading: Loading): void {
  now = loading;
  for (const listener of listeners) listener(loading);
}

function load(): void {
  tell({ state: 'loading', share: 0 });
  loadRecognizer({ onProgress: (share) => tell({ state: 'loading', share }) }).then(
    (recognizer) => tell({ state: 'ready', recognizer }),
    (error: Error) => tell({ state: 'failed', reason: error.message }),
  );
}

/** Tries once more after a failure. */
export function loadAgain(): void {
  if (now?.state === 'failed') load();
}
addEventListener('online', loadAgain);

/** Loads another in place of one that answers no more. */
export function loadAnother(broken: PageRecognizer): void {
  if (now?.state !== 'ready' || now.recognizer !== broken) return;
  void broken.close();
  load();
}

/** How often the device failed at one thing in a row. */
export class DeviceFailures<What> {
  readonly #same: (a: What, b: What) => boolean;
  #of: What | undefined;
  #times = 0;

  constructor(same: (a: What, b: What) => boolean) {
    this.#same = same;
  }

  /**
   * After an error: loads another recogniser where the device is what failed.
   *
   * @returns whether to ask once more when the other is there: it was not the doing of what was asked
   */
  asksAgain(recognizer: PageRecognizer, of: What): boolean {
    if (!recognizer.problem) return false;
    this.#times = this.#isOf(of) ? this.#times + 1 : 1;
    this.#of = of;
    loadAnother(recognizer);
    return this.#times < 2;
  }

  /** Whether it failed at this, and another did so too. */
  isHopeless(of: What): boolean {
    return this.#times > 1 && this.#isOf(of);
  }

  forget(): void {
    this.#times = 0;
  }

  #isOf(what: What): boolean {
    return this.#of !== undefined && this.#same(this.#of, what);
  }
}

/** The failures that a view has seen. */
export function useDeviceFailures<What>(
  same: (a: What, b: What) => boolean = Object.is,
): DeviceFailures<What> {
  return useState(() => new DeviceFailures(same))[0];
}

/**
 * The page's recogniser: one for all views, loaded when the first asks for it.
 *
 * @param wanted whether this view needs it
 */
export function useRecognizer(wanted = true): Loading {
  const [loading, setLoading] = useState<Loading>(now ?? { state: 'loading', share: 0 });
  useEffect(() => {
    listeners.add(setLoading);
    if (now) setLoading(now);
    else if (wanted) load();
    return () => {
      listeners.delete(setLoading);
    };
  }, [wanted]);
  return loading;
}
