/**
 * FER+ (Barsoum et al., arXiv 1608.01041; https://github.com/microsoft/FERPlus): ten people's votes on each
 * picture of FER2013, in the order of `fer2013.csv`, for eight expressions, "unknown" and "no face" (NF).
 */
import { FerError } from '../errors.ts';
import { readFileBytes } from '../io/files.ts';
import { SPLITS, type Split } from './dataset.ts';
import { canonicalLabel } from './labels.ts';

const EXPRESSIONS = [
  'neutral',
  'happiness',
  'surprise',
  'sadness',
  'anger',
  'disgust',
  'fear',
  'contempt',
] as const;
const COLUMNS = ['Usage', 'Image name', ...EXPRESSIONS, 'unknown', 'NF'] as const;
const UNKNOWN = EXPRESSIONS.length;
const NO_FACE = UNKNOWN + 1;

/** Labels of FER+ in its order, by the names used everywhere here. */
export const FER_PLUS_LABELS: readonly string[] = EXPRESSIONS.map(canonicalLabel);

/** The votes on each picture of a split, ten numbers a picture, in the order of the file. */
export type FerPlusVotes = Readonly<Record<Split, readonly (readonly number[])[]>>;

/** Why a picture has no label. */
export type Dropped = 'unclear' | 'unknown' | 'noFace';

/**
 * Reads `fer2013new.csv`.
 *
 * @throws FerError for another header, and for the first row that is none, with its line
 */
export function readFerPlus(file: string): FerPlusVotes {
  const [header, ...lines] = readFileBytes(file)
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trimEnd()
    .split(/\r?\n/);
  const names = header.split(',').map((name) => name.trim());
  const places = COLUMNS.map((column) =>
    names.findIndex((name) => name.toLowerCase() === column.toLowerCase()),
  );
  const missing = COLUMNS.filter((_, i) => places[i] < 0);
  if (missing.length > 0) {
    throw new FerError(
      `${file}, line 1: no column ${missing.map((name) => `"${name}"`).join(', ')}; expected fer2013new.csv of FER+, ` +
        'which has Usage, Image name and the votes for eight expressions, unknown and NF',
    );
  }
  const votes: Record<Split, number[][]> = { Training: [], PublicTest: [], PrivateTest: [] };
  lines.forEach((line, i) => {
    const cells = line.split(',').map((cell) => cell.trim());
    const refuse = (problem: string): never => {
      throw new FerError(`${file}, line ${i + 2}: ${problem}`);
    };
    if (cells.length !== names.length)
      refuse(`${cells.length} columns, expected ${names.length} as in the header`);
    const usage =
      SPLITS.find((split) => split === cells[places[0]]) ?? refuse(`Usage is "${cells[places[0]]}"`);
    const row = places.slice(2).map((place, column) => {
      const cell = cells[place];
      if (/^\d{1,3}$/.test(cell)) return Number(cell);
      return refuse(`${COLUMNS[column + 2]} is "${cell}", expected a number of votes`);
    });
    votes[usage].push(row);
  });
  return votes;
}

/**
 * The expression that more than half of the votes name, single votes not counted; else why there is none.
 */
export function majorityOf(votes: readonly number[]): number | Dropped {
  const counted = withoutSingle(votes);
  const highest = Math.max(...counted);
  if (highest <= sum(counted) / 2) return 'unclear';
  const winner = counted.indexOf(highest);
  return winner === UNKNOWN ? 'unknown' : winner === NO_FACE ? 'noFace' : winner;
}

/**
 * The votes for the expressions that count in training with soft labels, eight numbers; else why there are none.
 * Single votes are left out. The expressions are taken from the one with the most votes down, equals together,
 * until they have three quarters of all votes or are three; "unknown" or "no face" end it. A picture is dropped
 * where half of the votes or more stay outside, where more than three are level, or where one of those two has
 * the most votes.
 */
export function sharesOf(votes: readonly number[]): number[] | Dropped {
  const counted = withoutSingle(votes);
  const total = sum(counted);
  const taken = new Array<number>(counted.length).fill(0);
  const levels = [...new Set(counted)].filter((level) => level > 0).sort((a, b) => b - a);
  let count = 0;
  let covered = 0;
  for (const level of levels) {
    if (covered >= 0.75 * total || count >= 3) break;
    const equals = counted.flatMap((vote, i) => (vote === level ? [i] : []));
    const end = equals.find((i) => i >= UNKNOWN);
    for (const i of equals) {
      if (i >= UNKNOWN) break;
      taken[i] = level;
      covered += level;
      count++;
    }
    if (end === undefined) continue;
    // Nothing before it: it is what most people saw.
    if (count === 0) return end === UNKNOWN ? 'unknown' : 'noFace';
    break;
  }
  if (sum(taken) <= total / 2 || count > 3) return 'unclear';
  return taken.slice(0, EXPRESSIONS.length);
}

/** A single vote among ten says more about the voter than about the face. */
function withoutSingle(votes: readonly number[]): number[] {
  return votes.map((vote) => (vote > 1 ? vote : 0));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
