import type { ComponentChildren, JSX } from 'preact';
import type { SaliencyMap } from '../explain/explainer.ts';
import type { Box, RecognizedFace } from '../recognize/types.ts';
import { percent } from './format.ts';
import { MapCanvas } from './mapCanvas.tsx';

export interface StageProps {
  /** The picture or video, as wide as the stage. */
  readonly children: ComponentChildren;
  /** Its size in its own pixels. */
  readonly width: number;
  readonly height: number;
  readonly faces: readonly RecognizedFace[];
  readonly selected: number;
  readonly onSelect: (index: number) => void;
  /** Shown over the selected face. */
  readonly map?: SaliencyMap;
  /** Shown as in a mirror. */
  readonly mirrored?: boolean;
}

/** A picture with its faces marked; each mark is a button that selects its face. */
export function Stage({
  children,
  width,
  height,
  faces,
  selected,
  onSelect,
  map,
  mirrored = false,
}: StageProps): JSX.Element {
  const place = ({ x, y, width: w, height: h }: Box): Record<string, string> => ({
    left: `${(100 * (mirrored ? width - x - w : x)) / width}%`,
    top: `${(100 * y) / height}%`,
    width: `${(100 * w) / width}%`,
    height: `${(100 * h) / height}%`,
  });
  const chosen = faces[selected];
  return (
    <div class={mirrored ? 'stage mirrored' : 'stage'} style={{ '--aspect': `${width} / ${height}` }}>
      {children}
      {chosen && map && (
        <div class="over" style={place(chosen.frame)}>
          <MapCanvas map={map} />
        </div>
      )}
      {faces.map((face, i) => (
        <button
          key={i}
          type="button"
          class={face.box.y < 0.08 * height ? 'box low' : 'box'}
          style={place(face.box)}
          aria-pressed={i === selected}
          onClick={() => onSelect(i)}
        >
          <span>
            {face.label} <small>{percent(face.scores[face.label])}</small>
          </span>
        </button>
      ))}
    </div>
  );
}
