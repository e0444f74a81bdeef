import type { BaselineName } from './baseline.ts';
import type { Crops } from './crops.ts';
import type { Probe } from './probe.ts';

/** What the methods may be told; each has a default in `config.ts`. */
export interface MethodSettings {
  /** smoothgrad: noisy copies of a face. */
  readonly samples: number;
  /** smoothgrad: standard deviation of the noise, as a share of the face's range of grey values. */
  readonly noise: number;
  /** smoothgrad: start of the random draws. */
  readonly seed: number;
  /** integrated: points on the path at first; more are added where the sum is not complete. */
  readonly steps: number;
  /** integrated, occlusion: the face without information. */
  readonly baseline: BaselineName;
  /** occlusion: side of the patch, and the way from one place to the next, in pixels. */
  readonly patch: number;
  readonly stride: number;
}

/** A face, and the label whose score is to be explained. */
export interface Subject {
  /** [size, size], 0 black to 1 white. */
  readonly pixels: Float64Array;
  readonly target: number;
  /** The target's logit, averaged over the crops. */
  readonly score: number;
}

/** What a method found for one face. */
export interface Found {
  /** [size, size], signed where the method gives signs. */
  readonly values: Float64Array;
  /** Figures that belong to it, for people and programs. */
  readonly figures?: Readonly<Record<string, number>>;
}

/** A way to say which pixels a score comes from. */
export interface Method {
  /** For headings. */
  readonly title: string;
  /** What a value of the map is. */
  readonly unit: string;
  /**
   * How fine the map is. The sign of a single pixel means little, so of a map of pixels the size of the
   * values is shown; of a map of regions, what speaks for the label.
   */
  readonly grain: 'pixel' | 'region';
  /** Refuses settings that do not fit the faces, with a UsageError. */
  check?(settings: MethodSettings, crops: Crops): void;
  /** One finding a subject, in their order. */
  explain(probe: Probe, subjects: readonly Subject[], settings: MethodSettings): Promise<Found[]>;
}
