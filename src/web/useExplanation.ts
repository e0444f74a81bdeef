import { useEffect, useState } from 'preact/hooks';
import type { SaliencyMap } from '../explain/explainer.ts';
import type { MethodName } from '../explain/methods.ts';
import type { RecognizedFace } from '../recognize/types.ts';
import { type PageRecognizer, useDeviceFailures } from './useRecognizer.ts';

export interface Explained {
  readonly map: SaliencyMap | undefined;
  readonly busy: boolean;
  readonly problem: string | undefined;
}

const NOTHING: Explained = { map: undefined, busy: false, problem: undefined };

/** What an explanation is of. */
type Question = readonly [face: RecognizedFace | undefined, method?: MethodName, target?: string];

const same = (a: Question, b: Question): boolean => a.every((part, i) => part === b[i]);

/** The map of a face, computed anew when face, method or target change; never that of another. */
export function useExplanation(
  recognizer: PageRecognizer | undefined,
  face: RecognizedFace | undefined,
  method: MethodName | undefined,
  target: string | undefined,
): Explained {
  const question: Question = [face, method, target];
  const [{ of, explained }, setState] = useState({ of: question, explained: NOTHING });
  const failures = useDeviceFailures(same);
  useEffect(() => {
    const setExplained = (found: Explained): void => setState({ of: question, explained: found });
    setExplained({ ...NOTHING, busy: Boolean(recognizer && face && method) });
    if (!recognizer || !face || !method) return;
    if (failures.isHopeless(question)) {
      setExplained({ ...NOTHING, problem: 'the device fails at this each time' });
      return;
    }
    const wanted = new AbortController();
    const { signal } = wanted;
    // Covering ten crops everywhere would take ten times as long and look the same.
    const crops = method === 'occlusion' || method === 'smoothgrad' || method === 'integrated' ? 1 : 10;
    recognizer.explain(face, { methods: [method], target, crops, signal }).then(
      ({ maps: [map] }) => setExplained({ ...NOTHING, map }),
      (error: Error) => {
        if (signal.aborted || failures.asksAgain(recognizer, question)) return;
        setExplained({ ...NOTHING, problem: error.message });
      },
    );
    return () => wanted.abort();
  }, [recognizer, face, method, target]);
  return same(of, question) ? explained : { ...NOTHING, busy: Boolean(recognizer && face && method) };
}
