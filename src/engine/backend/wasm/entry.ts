import { sizeOf, type Tensor, tensor } from '../../tensor.ts';

/** A float32 operand of a record. */
export class F32 {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** One line of a program for the wasm interpreter: a kernel, how many items, its operands. */
export interface Entry {
  readonly code: number;
  /** The kernel's name, for profiles. */
  readonly name: string;
  readonly items: number;
  /** Integers as they are, tensors as their address, null as 0. */
  readonly operands: readonly (number | Tensor | F32 | null)[];
  /** Bytes of scratch a thread needs. */
  readonly scratch: number;
  /** Multiplications of the whole entry, where it is a product: what the choice of algorithm decides. */
  readonly multiplications: number;
}

/** What a program needs that follows from persistent tensors alone: a name, its size, what it is made from and how. */
export interface Derived {
  readonly name: string;
  readonly floats: number;
  readonly sources: readonly Tensor[];
  /** Adds the entries that fill `to`. */
  readonly fill: (list: EntryList, to: Tensor) => void;
}

/** Collects the entries of a program while calls are lowered. */
export class EntryList {
  readonly entries: Entry[] = [];
  readonly #keep: ((derived: Derived) => Tensor) | undefined;

  /** @param keep gives what is derived a place that outlives the program, where the sources are fixed */
  constructor(keep?: (derived: Derived) => Tensor) {
    this.#keep = keep;
  }

  /** Whether the weights are fixed, so that deriving something from them costs nothing in a run. */
  get fixedWeights(): boolean {
    return this.#keep !== undefined;
  }

  push(
    name: string,
    code: number,
    items: number,
    operands: Entry['operands'],
    { scratch = 0, multiplications = 0 }: { scratch?: number; multiplications?: number } = {},
  ): void {
    this.entries.push({ name, code, items, operands, scratch, multiplications });
  }

  /** Memory that lives from its first to its last use among the entries. */
  temporary(name: string, floats: number): Tensor {
    return tensor(name, [floats]);
  }

  /** What `derived` describes: filled in every run, or once as long as its sources keep their values. */
  derive(derived: Derived): Tensor {
    if (this.#keep && derived.sources.every(({ buffer }) => buffer.lifetime === 'persistent')) {
      return this.#keep(derived);
    }
    const to = this.temporary(derived.name, derived.floats);
    derived.fill(this, to);
    return to;
  }
}

/** Elements of a block of a flat kernel: large enough to pay for its hand-out, small enough to share. */
const FLAT_BLOCK = 16384;

/** Items and operands of a kernel over a flat array. */
export function flat(of: Tensor): { items: number; length: number; block: number } {
  const length = sizeOf(of.shape);
  return { items: Math.ceil(length / FLAT_BLOCK), length, block: FLAT_BLOCK };
}
