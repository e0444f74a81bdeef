import { distance } from 'fastest-levenshtein';

const MOST = 3;

/**
 * The valid words nearest to what was typed, best first: at most three, and only those that a slip of the
 * fingers or half a word would explain.
 */
export function nearest(typed: string, valid: readonly string[]): string[] {
  const word = typed.toLowerCase();
  return valid
    .map((candidate) => ({ candidate, edits: editsBetween(word, candidate.toLowerCase()) }))
    .filter(
      ({ candidate, edits }) =>
        edits <= Math.max(1, Math.round(Math.max(word.length, candidate.length) * 0.4)),
    )
    .sort((a, b) => a.edits - b.edits)
    .slice(0, MOST)
    .map(({ candidate }) => candidate);
}

/** Completing a word of three letters or more costs one edit, however much is missing. */
function editsBetween(typed: string, candidate: string): number {
  const part = typed.length >= 3 && candidate.includes(typed);
  return part && typed !== candidate ? 1 : distance(typed, candidate);
}

/** ` Did you mean a or b?`, or nothing if nothing is near. */
export function didYouMean(
  typed: string,
  valid: readonly string[],
  show: (word: string) => string = String,
): string {
  const words = nearest(typed, valid).map(show);
  return words.length === 0 ? '' : ` Did you mean ${words.join(' or ')}?`;
}
