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

/** Share of the width from which on a label would reach beyond the picture. */
const EDGE = 0.2;

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
  /** The part of a box that lies in the picture. */
  const within = ({ x, y, width: w, height: h }: Box): Box => {
    const [left, top] = [Math.max(0, x), Math.max(0, y)];
    return { x: left, y: top, width: Math.min(width, x + w) - left, height: Math.min(height, y + h) - top };
  };
  /** Where a label has room: inwards at the edges. */
  const sides = ({ x, y, width: w }: Box): string => {
    const middle = (mirrored ? width - x - w / 2 : x + w / 2) / width;
    return `${y < 0.08 * height ? ' low' : ''}${middle < EDGE ? ' left' : middle > 1 - EDGE ? ' right' : ''}`;
  };
  const chosen = faces[selected];
  return (
    <div class={mirrored ? 'stage mirrored' : 'stage'} style={{ '--aspect': `${width} / ${height}` }}>
      {children}
      {chosen && map && (
        <div class="overs">
          <div class="over" style={place(chosen.frame)}>
            <MapCanvas map={map} />
          </div>
        </div>
      )}
      {faces.map((face, i) => (
        <button
          key={i}
          type="button"
          class={`box${sides(face.box)}`}
          style={place(within(face.box))}
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
