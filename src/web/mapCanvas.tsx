import type { JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { CAP, colorOf, OPACITY } from '../explain/colorScale.ts';
import { type SaliencyMap, shownMap } from '../explain/explainer.ts';
import { METHODS } from '../explain/methods.ts';

/** A map in colours that are the less transparent, the more a pixel matters. */
export function MapCanvas({ map }: { map: SaliencyMap }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = Math.sqrt(map.values.length);
  useLayoutEffect(() => {
    const shown = shownMap(map, METHODS[map.method].grain === 'pixel' ? CAP : 1);
    const pixels = new ImageData(size, size);
    shown.forEach((value, i) => {
      pixels.data.set([...colorOf(value), Math.round(255 * OPACITY * value)], 4 * i);
    });
    canvas.current?.getContext('2d')?.putImageData(pixels, 0, 0);
  }, [map, size]);
  return <canvas ref={canvas} class="map" width={size} height={size} />;
}

/** A grey face. */
export function FaceCanvas({ crop, label }: { crop: Uint8Array; label: string }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = Math.sqrt(crop.length);
  useLayoutEffect(() => {
    const pixels = new ImageData(size, size);
    crop.forEach((gray, i) => {
      pixels.data.set([gray, gray, gray, 255], 4 * i);
    });
    canvas.current?.getContext('2d')?.putImageData(pixels, 0, 0);
  }, [crop, size]);
  return <canvas ref={canvas} width={size} height={size} role="img" aria-label={label} />;
}
