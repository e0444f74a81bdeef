import { useEffect, useState } from 'preact/hooks';
import type { SaliencyMap } from '../explain/explainer.ts';
import type { MethodName } from '../explain/methods.ts';
import type { RecognizedFace } from '../recognize/types.ts';
import { loadAnother, type PageRecognizer } from './useRecognizer.ts';

export interface Explained {
  readonly map: SaliencyMap | undefined;
  readonly busy: boolean;
  readonly problem: string | undefined;
}

const NOTHING: Explained = { map: undefined, busy: false, problem: undefined };

/** The map of a face, computed anew when face, method or target change. */
export function useExplanation(
  recognizer: PageRecognizer | undefined,
  face: RecognizedFace | undefined,
  method: MethodName | undefined,
  target: string | undefined,
): Explained {
  const [explained, setExplained] = useState(NOTHING);
  useEffect(() => {
    setExplained({ ...NOTHING, busy: Boolean(recognizer && face && method) });
    if (!recognizer || !face || !method) return;
    const wanted = new AbortController();
    const { signal } = wanted;
    // Covering ten crops everywhere would take ten times as long and look the same.
    const crops = method === 'occlusion' || method === 'smoothgrad' || method === 'integrated' ? 1 : 10;
    recognizer.explain(face, { methods: [method], target, crops, signal }).then(
      ({ maps: [map] }) => setExplained({ ...NOTHING, map }),
      (error: Error) => {
        if (signal.aborted) return;
        // Asked for again once another is there.
        if (recognizer.problem) loadAnother(recognizer);
        else setExplained({ ...NOTHING, problem: error.message });
      },
    );
    return () => wanted.abort();
  }, [recognizer, face, method, target]);
  return explained;
}
