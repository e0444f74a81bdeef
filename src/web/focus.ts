import { useEffect, useRef } from 'preact/hooks';

/** Puts the keyboard at the start of the view. */
export function focusContent(): void {
  document.getElementById('main')?.focus();
}

/** Does so when one part of a view takes the place of another: the button that was pressed may be gone with it. */
export function useFocusOnChange(part: boolean | string | undefined): void {
  const before = useRef(part);
  useEffect(() => {
    if (before.current === part) return;
    before.current = part;
    if (document.activeElement === null || document.activeElement === document.body) focusContent();
  }, [part]);
}
