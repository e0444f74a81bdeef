/** The three parts of FER2013, named as in its `Usage` column. */
export const SPLITS = ['Training', 'PublicTest', 'PrivateTest'] as const;
export type Split = (typeof SPLITS)[number];

/** FER2013's class names, in the order of its `emotion` column. */
export const FER2013_LABELS = ['angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral'] as const;
export type Fer2013Label = (typeof FER2013_LABELS)[number];

/** Side of a FER2013 picture, in pixels. */
export const FACE_SIZE = 48;

/**
 * Grey faces of one size with their labels. Label names travel with the data: `targets` index `labels`
 * and nothing else, so no bare index crosses a module border.
 */
export interface Dataset {
  /** What the user named: a path, or `synthetic`. */
  readonly source: string;
  /** Class names; `targets[i]` is an index into it. */
  readonly labels: readonly string[];
  /** Side of the square images, in pixels. */
  readonly size: number;
  /** Pixels, `[N, size, size]` row-major, 0 black to 255 white. */
  readonly images: Uint8Array;
  /** Class of each image, `[N]`. */
  readonly targets: Uint8Array;
  /**
   * Where people disagreed: votes for each label, `[N, labels]`, at least one an image. Training then draws
   * the label of an image anew in every epoch; `targets` has the label with the most votes.
   */
  readonly votes?: Uint8Array;
  /** For each split, the indices of its images in the source's order; an absent split is empty. */
  readonly splits: Readonly<Record<Split, Int32Array>>;
  /** Hexadecimal SHA-256 over labels, size, splits, targets, pixels and votes: names the content. */
  readonly hash: string;
}

/** A dataset before it has a name and a hash: what a reader returns. */
export type DatasetContent = Omit<Dataset, 'source' | 'hash'>;

/**
 * Sorts images into splits: `splitOf[i]` is the position in `SPLITS` of image i's split.
 * Returns, for each split, its image indices in ascending order.
 */
export function splitIndices(splitOf: ArrayLike<number>): Record<Split, Int32Array> {
  const lists: number[][] = SPLITS.map(() => []);
  for (let i = 0; i < splitOf.length; i++) lists[splitOf[i]].push(i);
  const [training, publicTest, privateTest] = lists.map((list) => Int32Array.from(list));
  return { Training: training, PublicTest: publicTest, PrivateTest: privateTest };
}

/**
 * `limit` images of each split, in the source's order: the first, or `spread` evenly over all, where they lie
 * sorted by label. Copies the pixels kept; returns `content` itself where nothing is left out.
 */
export function limitSplits<T extends DatasetContent>(
  content: T,
  limit: number,
  spread = false,
): T | DatasetContent {
  if (SPLITS.every((split) => content.splits[split].length <= limit)) return content;
  const splitOf = new Map<number, number>();
  SPLITS.forEach((split, s) => {
    const all = content.splits[split];
    const count = Math.min(all.length, limit);
    for (let k = 0; k < count; k++) splitOf.set(all[spread ? Math.floor((k * all.length) / count) : k], s);
  });
  const kept = [...splitOf.keys()].sort((a, b) => a - b);
  const area = content.size * content.size;
  const images = new Uint8Array(kept.length * area);
  const targets = new Uint8Array(kept.length);
  kept.forEach((from, to) => {
    images.set(content.images.subarray(from * area, (from + 1) * area), to * area);
    targets[to] = content.targets[from];
  });
  const splits = splitIndices(kept.map((from) => splitOf.get(from) as number));
  const limited = { labels: content.labels, size: content.size, images, targets, splits };
  const { votes } = content;
  if (!votes) return limited;
  const L = content.labels.length;
  return {
    ...limited,
    votes: Uint8Array.from(kept.flatMap((from) => [...votes.subarray(from * L, (from + 1) * L)])),
  };
}
