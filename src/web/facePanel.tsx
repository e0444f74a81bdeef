import type { JSX } from 'preact';
import type { SaliencyMap } from '../explain/explainer.ts';
import type { RecognizedFace } from '../recognize/types.ts';
import { percent } from './format.ts';
import { FaceCanvas, MapCanvas } from './mapCanvas.tsx';
import { ScoreBars } from './scoreBars.tsx';

export interface FacePanelProps {
  readonly face: RecognizedFace;
  readonly index: number;
  readonly count: number;
  readonly map?: SaliencyMap;
}

/** One face: what the network saw of it, and its answer. */
export function FacePanel({ face, index, count, map }: FacePanelProps): JSX.Element {
  const { crop, label, scores, faceScore } = face;
  return (
    <section class="face" aria-label={`Face ${index + 1} of ${count}`}>
      <div class="answer">
        <div class="crop">
          <FaceCanvas crop={crop} label="The face as the network sees it, grey and small" />
          {map && <MapCanvas map={map} />}
        </div>
        <p>
          <small>
            Face {index + 1} of {count}
          </small>
          <b class="label">{label}</b>
          <small>{faceScore === 1 ? 'whole picture' : `detected with ${percent(faceScore)}`}</small>
        </p>
      </div>
      <ScoreBars label={label} scores={scores} />
    </section>
  );
}
