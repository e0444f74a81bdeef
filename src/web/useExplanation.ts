import { useEffect, useState } from 'preact/hooks';
import type { SaliencyMap } from '../explain/explainer.ts';
import type { MethodName } from '../explain/methods.ts';
import type { RecognizedFace } from '../recognize/types.ts';
import type { PageRecognizer } from './useRecognizer.ts';

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
    let current = true;
    // Covering ten crops everywhere would take ten times as long and look the same.
    const crops = method === 'occlusion' || method === 'smoothgrad' || method === 'integrated' ? 1 : 10;
    recognizer.explain(face, { methods: [method], target, crops }).then(
      ({ maps: [map] }) => current && setExplained({ ...NOTHING, map }),
      (error: Error) => current && setExplained({ ...NOTHING, problem: error.message }),
    );
    return () => {
      current = false;
    };
  }, [recognizer, face, method, target]);
  return explained;
}
