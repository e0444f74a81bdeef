import type { JSX } from 'preact';
import type { Loading } from './useRecognizer.ts';

/** How far the network has been loaded, or why it cannot be. */
export function LoadingNote({ loading }: { loading: Loading }): JSX.Element | null {
  if (loading.state === 'ready') return null;
  if (loading.state === 'failed') {
    return (
      <p class="problem" role="alert">
        The network cannot be loaded: {loading.reason}
      </p>
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
