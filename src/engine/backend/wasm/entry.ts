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

/** Collects the entries of a program while calls are lowered. */
export class EntryList {
  readonly entries: Entry[] = [];

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
}

/** Elements of a block of a flat kernel: large enough to pay for its hand-out, small enough to share. */
const FLAT_BLOCK = 16384;

/** Items and operands of a kernel over a flat array. */
export function flat(of: Tensor): { items: number; length: number; block: number } {
  const length = sizeOf(of.shape);
  return { items: Math.ceil(length / FLAT_BLOCK), length, block: FLAT_BLOCK };
}
