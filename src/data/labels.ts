import { distance } from 'fastest-levenshtein';
import { FER2013_LABELS } from './dataset.ts';

/** Names that other datasets and folders give to the expressions of FER2013 and FER+. */
const ALIASES: Readonly<Record<string, string>> = {
  anger: 'angry',
  disgusted: 'disgust',
  afraid: 'fear',
  fearful: 'fear',
  happiness: 'happy',
  joy: 'happy',
  sadness: 'sad',
  surprised: 'surprise',
  contemptuous: 'contempt',
};

const KNOWN: ReadonlySet<string> = new Set<string>([...FER2013_LABELS, 'contempt']);

/**
 * The label a name stands for: FER2013's own name for a known expression or one of its aliases, in any
 * case; any other name is a label of its own, as written.
 */
export function canonicalLabel(name: string): string {
  const lower = name.trim().toLowerCase();
  const label = Object.hasOwn(ALIASES, lower) ? ALIASES[lower] : lower;
  return KNOWN.has(label) ? label : name.trim();
}

/**
 * The labels in the order their indices get: FER2013's order where every one is FER2013's, else by code
 * unit. Repeated names count once. Only labels that occur are kept: a folder of three expressions makes a
 * dataset of three classes.
 */
export function orderLabels(labels: Iterable<string>): string[] {
  const present = new Set(labels);
  const canonical: string[] = FER2013_LABELS.filter((label) => present.has(label));
  return canonical.length === present.size ? canonical : [...present].sort();
}

/**
 * The known expression that an unknown label is probably a slip of (`hapy`), or undefined. Short names are
 * left alone: two letters away, anything is near to `sad`.
 */
export function nearMiss(label: string): string | undefined {
  const lower = label.toLowerCase();
  if (KNOWN.has(label) || lower.length < 4) return undefined;
  const names = [...KNOWN, ...Object.keys(ALIASES)];
  const near = names.find((name) => distance(lower, name) <= (name.length > 5 ? 2 : 1));
  return near === undefined ? undefined : canonicalLabel(near);
}
