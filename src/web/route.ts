import { useEffect, useState } from 'preact/hooks';

/** The views, by the names that stand behind the # of the address. */
export const VIEWS = { photos: 'Photos', webcam: 'Webcam', runs: 'Runs' } as const;
export type View = keyof typeof VIEWS;

export interface Route {
  readonly view: View;
  /** What of the view is shown: a run. */
  readonly item: string | undefined;
}

function routeOf(hash: string): Route {
  const [view, item] = hash.replace(/^#\/?/, '').split('/');
  return {
    view: Object.hasOwn(VIEWS, view) ? (view as View) : 'photos',
    item: item ? decoded(item) : undefined,
  };
}

/** As an address stands for it; what stands for nothing, as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The route of the address, which changes with it. */
export function useRoute(): Route {
  const [route, setRoute] = useState(() => routeOf(location.hash));
  useEffect(() => {
    const onChange = (): void => setRoute(routeOf(location.hash));
    addEventListener('hashchange', onChange);
    return () => removeEventListener('hashchange', onChange);
  }, []);
  return route;
}
