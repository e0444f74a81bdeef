import { FerError } from '../../../errors.ts';
import type { Buffer } from '../../tensor.ts';
import { alignUp, bytesOf } from './layout.ts';
import { MOST_PAGES, PAGE } from './module.ts';

/** Memory below this address holds the interpreter's control words. */
const FIRST_FREE = 1024;
const FIRST_PAGES = 16;
/** Half a gibibyte: the network of the paper, and room to work. */
const LEAST_PAGES = 8192;
/** A workspace that takes the place of another is so many times as large, as more programs may follow. */
const GROWTH = 1.5;

/** The place of all that lives within a run, shared by programs; nothing has been written behind `used`. */
interface Workspace {
  readonly address: number;
  readonly used: number;
  readonly bytes: number;
}

/** What the memory of a step is called in messages. */
const ACTIVATIONS = 'activations';

/** The shared memory of a backend: persistent buffers, programs and a workspace, one behind the other. */
export class WasmMemory {
  readonly shared: WebAssembly.Memory;
  readonly #mostPages: number;
  #addresses = new Map<Buffer, number>();
  #workspace: Workspace = { address: 0, used: 0, bytes: 0 };
  #end = FIRST_FREE;

  private constructor(shared: WebAssembly.Memory, mostPages: number) {
    this.shared = shared;
    this.#mostPages = mostPages;
  }

  /**
   * Memory that may grow as far as this machine allows: phones do not reserve addresses for 4 GiB.
   *
   * @param mostPages less than WebAssembly's own limit
   */
  static open(mostPages = MOST_PAGES): WasmMemory {
    const least = Math.min(mostPages, LEAST_PAGES);
    for (let maximum = mostPages; maximum >= least; maximum /= 2) {
      try {
        const shared = new WebAssembly.Memory({ initial: FIRST_PAGES, maximum, shared: true });
        return new WasmMemory(shared, maximum);
      } catch {}
    }
    throw new FerError('this browser gives WebAssembly no shared memory: it is too old, or set up not to');
  }

  /** Bytes in use. */
  get bytes(): number {
    return this.#end;
  }

  /** The address of a persistent buffer, zeros at first. */
  persistent(buffer: Buffer): number {
    const found = this.#addresses.get(buffer);
    if (found !== undefined) return found;
    const address = this.allocate(bytesOf(buffer), buffer.name);
    this.#addresses.set(buffer, address);
    return address;
  }

  /** The address of a workspace of at least so many bytes. An older one stays with the programs that have it. */
  workspace(bytes: number): number {
    const { address, used, bytes: present } = this.#workspace;
    if (bytes <= present) this.#workspace = { address, used: Math.max(used, bytes), bytes: present };
    else {
      const fresh = (size: number) => ({
        address: this.#atEnd(size, ACTIVATIONS),
        used: bytes,
        bytes: size,
      });
      try {
        this.#workspace = fresh(Math.max(bytes, alignUp(GROWTH * present)));
      } catch {
        this.#workspace = fresh(bytes);
      }
    }
    return this.#workspace.address;
  }

  /** Fresh zeroed memory. */
  allocate(bytes: number, what: string): number {
    try {
      return this.#atEnd(bytes, what);
    } catch (error) {
      // The workspace has room to spare only as long as nobody needs it.
      const { address, used, bytes: present } = this.#workspace;
      const left = present - alignUp(bytes);
      if (left < used) throw error;
      this.#workspace = { address, used, bytes: left };
      return address + left;
    }
  }

  /** Does what allocates several pieces, and takes them back if there is no room for all: none has been written to. */
  attempt(act: () => void): void {
    const [addresses, workspace, end] = [new Map(this.#addresses), this.#workspace, this.#end];
    try {
      act();
    } catch (error) {
      this.#addresses = addresses;
      this.#workspace = workspace;
      this.#end = end;
      throw error;
    }
  }

  #atEnd(bytes: number, what: string): number {
    const address = this.#end;
    const end = address + alignUp(bytes);
    const missing = Math.ceil(end / PAGE) - this.shared.buffer.byteLength / PAGE;
    // Kernels count up to the address behind a buffer: that of the last byte of 4 GiB would be 0.
    if (Math.ceil((end + 1) / PAGE) > this.#mostPages) throw this.#tooMuch(end, what);
    if (missing > 0) {
      try {
        this.shared.grow(missing);
      } catch {
        throw this.#tooMuch(end, what, 'this machine gives no more');
      }
    }
    this.#end = end;
    return address;
  }

  #tooMuch(bytes: number, what: string, why?: string): FerError {
    const gib = (bytes / 2 ** 30).toFixed(1);
    const most = Number(((this.#mostPages * PAGE) / 2 ** 30).toFixed(2));
    // The rest is the same for every batch.
    const remedy = what === ACTIVATIONS ? 'bs= or fewer crops' : 'width= or less data (limit=)';
    return new FerError(
      `not enough memory for ${what}: ${gib} GiB in all, ${why ?? `WebAssembly has ${most}`}; use a smaller ${remedy}`,
    );
  }
}
