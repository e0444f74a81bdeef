/**
 * A table of a FlatBuffer (https://flatbuffers.dev/internals/), the format of TFLite models. Nothing is trusted:
 * every read is checked against the end of the buffer, and a length before anything of that length is made.
 *
 * Methods take the number of a field in the schema and throw RangeError where the buffer is damaged.
 */
export class FlatTable {
  readonly #view: DataView;
  readonly #at: number;
  readonly #fields: number;
  readonly #vtable: number;

  private constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
    this.#vtable = at - view.getInt32(at, true);
    this.#fields = (view.getUint16(this.#vtable, true) - 4) >> 1;
  }

  /** @param identifier four characters after the first offset that name the schema */
  static root(bytes: Uint8Array, identifier: string): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < 4; i++) {
      if (view.getUint8(4 + i) !== identifier.charCodeAt(i)) {
        throw new RangeError(`it does not start with the mark ${identifier}`);
      }
    }
    return new FlatTable(view, view.getUint32(0, true));
  }

  uint8(field: number, missing = 0): number {
    const at = this.#find(field);
    return at === 0 ? missing : this.#view.getUint8(at);
  }

  int32(field: number, missing = 0): number {
    const at = this.#find(field);
    return at === 0 ? missing : this.#view.getInt32(at, true);
  }

  uint32(field: number, missing = 0): number {
    const at = this.#find(field);
    return at === 0 ? missing : this.#view.getUint32(at, true);
  }

  has(field: number): boolean {
    return this.#find(field) !== 0;
  }

  table(field: number): FlatTable | undefined {
    const at = this.#find(field);
    return at === 0 ? undefined : new FlatTable(this.#view, at + this.#view.getUint32(at, true));
  }

  tables(field: number): FlatTable[] {
    const { at, length } = this.#vector(field, 4);
    return Array.from({ length }, (_, i) => {
      const place = at + 4 * i;
      return new FlatTable(this.#view, place + this.#view.getUint32(place, true));
    });
  }

  int32s(field: number): number[] {
    const { at, length } = this.#vector(field, 4);
    return Array.from({ length }, (_, i) => this.#view.getInt32(at + 4 * i, true));
  }

  /** A view of the buffer, not a copy. */
  bytes(field: number): Uint8Array {
    const { at, length } = this.#vector(field, 1);
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length);
  }

  text(field: number): string {
    return new TextDecoder().decode(this.bytes(field));
  }

  /** Where a field's value stands, or 0 if the table leaves it out. */
  #find(field: number): number {
    const offset = field < this.#fields ? this.#view.getUint16(this.#vtable + 4 + 2 * field, true) : 0;
    return offset === 0 ? 0 : this.#at + offset;
  }

  #vector(field: number, size: number): { at: number; length: number } {
    const place = this.#find(field);
    if (place === 0) return { at: 0, length: 0 };
    const at = place + this.#view.getUint32(place, true);
    const length = this.#view.getUint32(at, true);
    if (at + 4 + length * size > this.#view.byteLength) {
      throw new RangeError(`a list of ${length} entries reaches beyond its end`);
    }
    return { at: at + 4, length };
  }
}
