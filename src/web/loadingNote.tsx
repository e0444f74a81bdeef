import type { JSX } from 'preact';
import { type Loading, loadAgain } from './useRecognizer.ts';

/** How far the network has been loaded, or why it cannot be. */
export function LoadingNote({ loading }: { loading: Loading }): JSX.Element | null {
  if (loading.state === 'ready') return null;
  if (loading.state === 'failed') {
    return (
      <div class="problem" role="alert">
        The network cannot be loaded: {loading.reason}{' '}
        <button type="button" class="quiet" onClick={loadAgain}>
          Try again
        </button>
      </div>
    );
  }
  return (
    <p class="loading">
      <label>
        Loading the network <progress value={loading.share} max={1} />
      </label>
    </p>
  );
}
