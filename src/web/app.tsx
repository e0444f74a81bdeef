import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { focusContent, useFocusOnChange } from './focus.ts';
import { PhotosView, useAlbum } from './photosView.tsx';
import { useRoute, VIEWS, type View } from './route.ts';
import { RunsView } from './runsView.tsx';
import { useRecognizer } from './useRecognizer.ts';
import { WebcamView } from './webcamView.tsx';

/** The whole page. */
export function App(): JSX.Element {
  const { view, item } = useRoute();
  const loading = useRecognizer(view !== 'runs');
  const album = useAlbum();
  useEffect(() => {
    const parts = [item, view === 'photos' ? undefined : VIEWS[view], 'fer'];
    document.title = parts.filter((part) => part !== undefined).join(' · ');
  }, [view, item]);
  // A link that was followed within the runs is gone with them.
  useFocusOnChange(item);
  useEffect(() => {
    // A file that is dropped anywhere would replace the page, and the photos with it.
    const stay = (event: DragEvent): void => event.preventDefault();
    addEventListener('dragover', stay);
    addEventListener('drop', stay);
    return () => {
      removeEventListener('dragover', stay);
      removeEventListener('drop', stay);
    };
  }, []);
  return (
    <>
      {/* biome-ignore lint/a11y/useValidAnchor: it leads to a place of the page; the view stands in the address */}
      <a class="skip" href="#main" onClick={focusMain}>
        Skip to content
      </a>
      <header class="top">
        <a class="name" href="#photos" aria-label="fer, start">
          <Mark /> fer
        </a>
        <nav aria-label="Views">
          {(Object.keys(VIEWS) as View[]).map((name) => (
            <a key={name} href={`#${name}`} aria-current={name === view ? 'page' : undefined}>
              {VIEWS[name]}
            </a>
          ))}
        </nav>
        {loading.state === 'ready' && view !== 'runs' && <p class="device">{loading.recognizer.device}</p>}
      </header>
      <main id="main" tabIndex={-1}>
        {view === 'photos' && <PhotosView loading={loading} album={album} />}
        {view === 'webcam' && <WebcamView loading={loading} />}
        {view === 'runs' && <RunsView name={item} />}
      </main>
      <footer>
        <p>
          <b>Pictures stay in this browser.</b> Everything is computed here; this page has no way to send a
          picture anywhere.
        </p>
        <p>
          The answer is the label that people would give to the <em>apparent</em> expression. It is not what
          somebody feels, and nothing about a person should be decided by it. Expect errors: rare expressions,
          age, skin, light and pose all matter.
        </p>
      </footer>
    </>
  );
}

function focusMain(event: Event): void {
  event.preventDefault();
  focusContent();
}

function Mark(): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 24 24" aria-hidden="true">
      <path d="M3 8V5a2 2 0 0 1 2-2h3M16 3h3a2 2 0 0 1 2 2v3M21 16v3a2 2 0 0 1-2 2h-3M8 21H5a2 2 0 0 1-2-2v-3" />
      <path d="M8.500 14.500q3.500 3 7 0M9 9.500v.01M15 9.500v.01" />
    </svg>
  );
}
