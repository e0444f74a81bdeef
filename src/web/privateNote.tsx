import type { JSX } from 'preact';

/** The promise, where somebody is about to give a picture. */
export function PrivateNote(): JSX.Element {
  return (
    <p class="private">
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <rect x="3" y="7" width="10" height="7" rx="1.5" />
        <path d="M5.500 7V5a2.500 2.500 0 0 1 5 0v2" />
      </svg>
      Pictures stay in this browser
    </p>
  );
}
