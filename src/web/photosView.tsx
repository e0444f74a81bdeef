import type { JSX } from 'preact';
import { type Dispatch, type StateUpdater, useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { MethodName } from '../explain/methods.ts';
import type { FacesMode, RecognizedFace, RecognizeOptions } from '../recognize/types.ts';
import { FacePanel } from './facePanel.tsx';
import { useFocusOnChange } from './focus.ts';
import { duration, plural } from './format.ts';
import { LoadingNote } from './loadingNote.tsx';
import { filesOf, openPhoto, type Photo, photoOf } from './photo.ts';
import { PrivateNote } from './privateNote.tsx';
import { SaliencyControls } from './saliencyControls.tsx';
import { Stage } from './stage.tsx';
import { useExplanation } from './useExplanation.ts';
import { type Loading, useDeviceFailures } from './useRecognizer.ts';

/** What the page keeps of this view: it is there again after a look at another. */
export interface Album {
  readonly photos: readonly Photo[];
  readonly setPhotos: Dispatch<StateUpdater<readonly Photo[]>>;
  readonly shownId: number | undefined;
  readonly setShownId: Dispatch<StateUpdater<number | undefined>>;
  readonly faces: FacesMode;
  readonly setFaces: Dispatch<StateUpdater<FacesMode>>;
}

export function useAlbum(): Album {
  const [photos, setPhotos] = useState<readonly Photo[]>([]);
  const [shownId, setShownId] = useState<number>();
  const [faces, setFaces] = useState<FacesMode>('auto');
  return { photos, setPhotos, shownId, setShownId, faces, setFaces };
}

/** Photos that are dropped, chosen or pasted: their faces, the answers, and where these come from. */
export function PhotosView({ loading, album }: { loading: Loading; album: Album }): JSX.Element {
  const { photos, setPhotos, shownId, setShownId, faces, setFaces } = album;
  const recognizer = loading.state === 'ready' ? loading.recognizer : undefined;
  const [selected, setSelected] = useState(0);
  const [method, setMethod] = useState<MethodName>();
  const [target, setTarget] = useState<string>();
  const [dragged, setDragged] = useState(false);
  const input = useRef<HTMLInputElement>(null);

  const add = useCallback(
    (files: readonly File[]) => {
      if (files.length === 0) return;
      const added = files.map(photoOf);
      setPhotos((before) => [...added, ...before]);
      setShownId(added[0].id);
      setSelected(0);
    },
    [setPhotos, setShownId],
  );

  useEffect(() => {
    const onPaste = (event: ClipboardEvent): void => add(filesOf(event.clipboardData));
    const onDrag = (event: DragEvent): void => setDragged(event.type === 'dragover');
    const onDrop = (event: DragEvent): void => {
      onDrag(event);
      add(filesOf(event.dataTransfer));
    };
    addEventListener('paste', onPaste);
    addEventListener('dragover', onDrag);
    addEventListener('dragleave', onDrag);
    addEventListener('drop', onDrop);
    return () => {
      removeEventListener('paste', onPaste);
      removeEventListener('dragover', onDrag);
      removeEventListener('dragleave', onDrag);
      removeEventListener('drop', onDrop);
    };
  }, [add]);

  const shown = photos.find(({ id }) => id === shownId);
  const settle = useCallback(
    (id: number, change: Partial<Photo>): void =>
      setPhotos((before) => before.map((photo) => (photo.id === id ? { ...photo, ...change } : photo))),
    [setPhotos],
  );
  // Decoded one at a time, as a photo takes much memory: the one that is looked at, then the others.
  const unopened = photos.filter(({ width, problem }) => width === 0 && problem === undefined);
  const opening = unopened.find(({ id }) => id === shownId) ?? unopened[0];
  useEffect(() => {
    if (opening) void openPhoto(opening).then((found) => settle(opening.id, found));
  }, [opening, settle]);

  const failures = useDeviceFailures<number>();
  // One that has been begun is finished; then the one that is looked at, then the others.
  const begun = useRef<number | undefined>(undefined);
  const unfinished = photos.filter(({ width, faces: found, problem }) => width > 0 && !found && !problem);
  const waiting =
    unfinished.find(({ id }) => id === begun.current) ??
    unfinished.find(({ id }) => id === shownId) ??
    unfinished[0];
  useEffect(() => {
    if (!recognizer || !waiting) return;
    begun.current = waiting.id;
    const wanted = new AbortController();
    const { signal } = wanted;
    const options: RecognizeOptions = { faces };
    const started = performance.now();
    recognizer.recognize(waiting.file, { ...options, signal }).then(
      (found) => settle(waiting.id, { faces: fromLeft(found), milliseconds: performance.now() - started }),
      (error: Error) => {
        if (signal.aborted || failures.asksAgain(recognizer, waiting.id)) return;
        settle(waiting.id, { problem: error.message });
      },
    );
    return () => wanted.abort();
  }, [recognizer, waiting, faces, settle, failures]);

  const again = (mode: FacesMode): void => {
    setFaces(mode);
    setSelected(0);
    begun.current = undefined;
    // One that could not be opened has no size, and never will.
    setPhotos((before) =>
      before.map(({ faces: _, problem, ...photo }) => (photo.width > 0 ? photo : { ...photo, problem })),
    );
  };
  const clear = (): void => {
    for (const { url } of photos) URL.revokeObjectURL(url);
    setPhotos([]);
  };

  const face = shown?.faces?.[selected];
  useFocusOnChange(shown === undefined);
  const explained = useExplanation(recognizer, face, method, target);
  const choose = (
    <>
      <button type="button" class="primary" onClick={() => input.current?.click()}>
        Choose photos
      </button>
      <input
        ref={input}
        class="hidden"
        type="file"
        aria-label="Photos"
        accept="image/jpeg,image/png,image/webp,image/*"
        multiple
        tabIndex={-1}
        onChange={({ currentTarget }) => {
          add([...(currentTarget.files ?? [])]);
          currentTarget.value = '';
        }}
      />
    </>
  );

  if (!shown) {
    return (
      <>
        <h1>Which expression do you see?</h1>
        <p class="lead">
          Give a photo. Every face in it is found, and a network says which of{' '}
          {recognizer ? recognizer.model.labels.length : 'seven'} expressions people would see in it.
        </p>
        <div class={dragged ? 'drop dragged' : 'drop'}>
          <DropPicture />
          <p>
            <b>Drop photos here</b>
            <br />
            or paste one
          </p>
          {choose}
          <PrivateNote />
        </div>
        <LoadingNote loading={loading} />
      </>
    );
  }
  return (
    <>
      <h1 class="visually-hidden">Photos</h1>
      <div class="bench">
        <div class="work">
          {shown.problem === undefined && shown.width > 0 && (
            <Stage
              width={shown.width}
              height={shown.height}
              faces={shown.faces ?? []}
              selected={selected}
              onSelect={setSelected}
              map={explained.map}
            >
              <img src={shown.url} alt={shown.name} />
            </Stage>
          )}
          {shown.problem !== undefined && (
            <p class="problem" role="alert">
              {shown.name}: {shown.problem}
            </p>
          )}
          <div class="tools">
            {choose}
            <label class="check">
              <input
                type="checkbox"
                checked={faces === 'none'}
                onChange={({ currentTarget }) => again(currentTarget.checked ? 'none' : 'auto')}
              />
              The photo is one face
            </label>
            <button type="button" class="quiet" onClick={clear}>
              Remove all
            </button>
          </div>
          {photos.length > 1 && (
            <ul class="strip" aria-label="Photos">
              {photos.map(({ id, url, name }) => (
                <li key={id}>
                  <button
                    type="button"
                    aria-pressed={id === shown.id}
                    onClick={() => {
                      setShownId(id);
                      setSelected(0);
                    }}
                  >
                    <img src={url} alt={name} loading="lazy" decoding="async" />
                  </button>
                </li>
              ))}
            </ul>
          )}
        </div>
        <aside class="side">
          <p class="status" role="status">
            {statusOf(shown)}
          </p>
          <LoadingNote loading={loading} />
          {face && shown.faces && (
            <FacePanel face={face} index={selected} count={shown.faces.length} map={explained.map} />
          )}
          {face && recognizer && (
            <SaliencyControls
              method={method}
              onMethod={setMethod}
              target={target}
              onTarget={setTarget}
              labels={recognizer.model.labels}
              busy={explained.busy}
              problem={explained.problem}
            />
          )}
        </aside>
      </div>
    </>
  );
}

/** In reading order, so that keys go through them as the eyes do. */
function fromLeft(faces: readonly RecognizedFace[]): RecognizedFace[] {
  return [...faces].sort((a, b) => a.box.x - b.box.x);
}

function statusOf({ faces, milliseconds, problem }: Photo): string {
  if (problem !== undefined) return '';
  if (!faces) return 'Looking for faces…';
  if (faces.length === 0) return 'No face found. If the photo is a face, tick “The photo is one face”.';
  return `${plural(faces.length, 'face')} in ${duration(milliseconds ?? 0)}`;
}

function DropPicture(): JSX.Element {
  return (
    <svg class="drop-picture" viewBox="0 0 64 48" aria-hidden="true">
      <rect x="4" y="4" width="56" height="40" rx="5" />
      <path d="M22 13h-4v4M42 13h4v4M46 31v4h-4M18 31v4h4" />
      <path d="M26 28q6 5 12 0M27.500 20v.01M36.500 20v.01" />
    </svg>
  );
}
