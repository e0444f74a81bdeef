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
