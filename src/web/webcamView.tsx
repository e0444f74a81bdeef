import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { SaliencyMap } from '../explain/explainer.ts';
import type { MethodName } from '../explain/methods.ts';
import type { RecognizedFace } from '../recognize/types.ts';
import { FacePanel } from './facePanel.tsx';
import { useFocusOnChange } from './focus.ts';
import { plural } from './format.ts';
import { LoadingNote } from './loadingNote.tsx';
import { PrivateNote } from './privateNote.tsx';
import { SaliencyControls } from './saliencyControls.tsx';
import { Stage } from './stage.tsx';
import { type Loading, type PageRecognizer, useDeviceFailures } from './useRecognizer.ts';

/** Fast enough for moving pictures. */
const LIVE_METHODS: readonly MethodName[] = ['gradient', 'gradcam'];
const MOST_FACES = 6;
/** Frames that the rate is averaged over. */
const RATE_FRAMES = 20;

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly faces: readonly RecognizedFace[];
  /** What the map is of: a face by its place, and what was asked about it. */
  readonly explained?: { readonly map: SaliencyMap; readonly face: number } & Pick<
    Wishes,
    'method' | 'target'
  >;
  readonly rate?: number;
}

/** What the loop looks at while it runs: the latest wishes of the user. */
interface Wishes {
  crops: 1 | 10;
  method: MethodName | undefined;
  target: string | undefined;
  selected: number;
}

/** The webcam's faces, frame after frame. */
export function WebcamView({ loading }: { loading: Loading }): JSX.Element {
  const recognizer = loading.state === 'ready' ? loading.recognizer : undefined;
  const [stream, setStream] = useState<MediaStream>();
  const [problem, setProblem] = useState<string>();
  const [frame, setFrame] = useState<Frame>();
  const [crops, setCrops] = useState<1 | 10>(1);
  const [method, setMethod] = useState<MethodName>();
  const [target, setTarget] = useState<string>();
  const [selected, setSelected] = useState(0);
  const video = useRef<HTMLVideoElement>(null);
  /** Since the last frame. */
  const failures = useDeviceFailures<'camera'>();
  const wishes = useRef<Wishes>({ crops, method, target, selected });
  wishes.current = { crops, method, target, selected };

  const here = useRef(true);
  useEffect(
    () => () => {
      here.current = false;
    },
    [],
  );
  const start = async (): Promise<void> => {
    setProblem(undefined);
    if (!navigator.mediaDevices) {
      setProblem('The browser gives cameras to pages over https and on this machine (localhost) alone.');
      return;
    }
    try {
      const camera = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: 'user' },
        audio: false,
      });
      // Allowed after the view was left: nobody would see that it is on.
      if (here.current) setStream(camera);
      else for (const track of camera.getTracks()) track.stop();
    } catch (error) {
      setProblem(cameraProblem(error as DOMException));
    }
  };
  const stop = (): void => {
    setStream(undefined);
    setFrame(undefined);
  };

  useEffect(() => {
    if (!stream) return;
    const [track] = stream.getVideoTracks();
    track.addEventListener('ended', stop);
    return () => {
      for (const each of stream.getTracks()) each.stop();
    };
  }, [stream]);

  useEffect(() => {
    const element = video.current;
    if (!stream || !element) return;
    element.srcObject = stream;
    element.play().catch((error: DOMException) => {
      // A camera that is stopped before its first picture.
      if (error.name === 'AbortError') return;
      stop();
      setProblem(cameraProblem(error));
    });
    if (!recognizer) return;
    const show = (next: Frame): void => {
      failures.forget();
      setFrame(next);
    };
    return watch(element, recognizer, wishes, show, (error) => {
      if (failures.asksAgain(recognizer, 'camera')) return;
      stop();
      setProblem(error.message);
    });
  }, [stream, recognizer]);

  useFocusOnChange(stream === undefined);
  if (!stream) {
    return (
      <>
        <h1>Watch your own expression</h1>
        <p class="lead">
          The camera’s pictures are looked at in this browser and forgotten at once. Others in view should
          know what this page does.
        </p>
        <div class="drop">
          <CameraPicture />
          <button type="button" class="primary" onClick={() => void start()}>
            Start the camera
          </button>
          <PrivateNote />
        </div>
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <LoadingNote loading={loading} />
      </>
    );
  }
  const faces = frame?.faces ?? [];
  const index = Math.min(selected, Math.max(0, faces.length - 1));
  const face = faces[index];
  const explained = frame?.explained;
  // Not of what was chosen a moment ago.
  const isCurrent = explained?.face === index && explained.method === method && explained.target === target;
  const map = isCurrent ? explained.map : undefined;
  return (
    <>
      <h1 class="visually-hidden">Webcam</h1>
      <div class="bench">
        <div class="work">
          <Stage
            width={frame?.width ?? 4}
            height={frame?.height ?? 3}
            faces={faces}
            selected={index}
            onSelect={setSelected}
            map={map}
            mirrored
          >
            <video ref={video} playsInline muted aria-label="Your camera, as in a mirror" />
          </Stage>
          <div class="tools">
            <button type="button" class="primary" onClick={stop}>
              Stop the camera
            </button>
            <label class="check">
              <input
                type="checkbox"
                checked={crops === 10}
                onChange={({ currentTarget }) => setCrops(currentTarget.checked ? 10 : 1)}
              />
              Ten crops: steadier, slower
            </label>
          </div>
        </div>
        <aside class="side">
          <p class="status">
            {frame
              ? `${plural(faces.length, 'face')}${frame.rate === undefined ? '' : ` · ${frame.rate.toFixed(1)} frames a second`}`
              : 'Waiting for the first frame…'}
          </p>
          <LoadingNote loading={loading} />
          {face && <FacePanel face={face} index={index} count={faces.length} map={map} />}
          {recognizer && (
            <SaliencyControls
              method={method}
              onMethod={setMethod}
              target={target}
              onTarget={setTarget}
              labels={recognizer.model.labels}
              methods={LIVE_METHODS}
            />
          )}
        </aside>
      </div>
    </>
  );
}

/** Looks at frame after frame, each as soon as the last is done. Returns what ends it. */
function watch(
  video: HTMLVideoElement,
  recognizer: PageRecognizer,
  wishes: { readonly current: Wishes },
  onFrame: (frame: Frame) => void,
  onError: (error: Error) => void,
): () => void {
  let running = true;
  const times: number[] = [];
  const look = async (): Promise<void> => {
    // A video knows its size before it has a picture to show.
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    const { videoWidth: width, videoHeight: height } = video;
    const { crops, method, target, selected } = wishes.current;
    const faces = await recognizer.recognize(video, { crops, maxFaces: MOST_FACES, smallest: 1 / 16 });
    // From left to right: a list by score would change places all the time.
    faces.sort((a, b) => b.box.x - a.box.x);
    const index = Math.min(selected, faces.length - 1);
    const face = faces[index];
    const explanation =
      face && method ? await recognizer.explain(face, { methods: [method], target, crops: 1 }) : undefined;
    const explained = explanation && { map: explanation.maps[0], face: index, method, target };
    times.push(performance.now());
    if (times.length > RATE_FRAMES) times.shift();
    const seconds = (times[times.length - 1] - times[0]) / 1000;
    const rate = times.length > 1 ? (times.length - 1) / seconds : undefined;
    if (running) onFrame({ width, height, faces, explained, rate });
  };
  const loop = async (): Promise<void> => {
    while (running) {
      // No new picture is shown faster than the screen is drawn, and none at all in a hidden tab.
      await new Promise(requestAnimationFrame);
      if (running) await look();
    }
  };
  loop().catch((error: Error) => running && onError(error));
  return () => {
    running = false;
  };
}

function cameraProblem({ name, message }: DOMException): string {
  if (name === 'NotAllowedError')
    return 'The camera may not be used: allow it for this page, and start again.';
  if (name === 'NotFoundError') return 'No camera was found: connect one, or use photos.';
  if (name === 'NotReadableError')
    return 'The camera is in use by another program: close it there, and start again.';
  return `The camera cannot be used: ${message}`;
}

function CameraPicture(): JSX.Element {
  return (
    <svg class="drop-picture" viewBox="0 0 64 48" aria-hidden="true">
      <rect x="6" y="10" width="38" height="28" rx="5" />
      <path d="M44 21l14-8v22l-14-8z" />
      <path d="M20 28q5 4 10 0M21 20v.01M29 20v.01" />
    </svg>
  );
}
