import { useEffect, useState } from 'preact/hooks';

export interface Fetched<T> {
  readonly value: T | undefined;
  readonly problem: string | undefined;
}

/** JSON of the server, asked for again every few seconds while the page is seen. */
export function useJson<T>(path: string, seconds: number): Fetched<T> {
  const [fetched, setFetched] = useState<Fetched<T>>({ value: undefined, problem: undefined });
  useEffect(() => {
    let current = true;
    setFetched({ value: undefined, problem: undefined });
    let before = '';
    const ask = async (): Promise<void> => {
      if (document.hidden && before !== '') return;
      try {
        const response = await fetch(path);
        const text = await response.text();
        if (!current || text === before) return;
        before = text;
        const value = JSON.parse(text);
        setFetched(response.ok ? { value, problem: undefined } : { value: undefined, problem: value.error });
      } catch {
        before = '';
        if (current) setFetched((last) => ({ ...last, problem: 'the server does not answer' }));
      }
    };
    void ask();
    const timer = setInterval(ask, 1000 * seconds);
    return () => {
      current = false;
      clearInterval(timer);
    };
  }, [path, seconds]);
  return fetched;
}
