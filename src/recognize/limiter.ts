/** Thrown where too many are waiting. */
export class Overloaded extends Error {
  override name = 'Overloaded';
}

/**
 * Lets a few pieces of work run at a time and others wait for their turn, up to a number; more are refused
 * at once, which costs a service less than promising what it cannot keep.
 */
export class Limiter {
  readonly #running: number;
  readonly #admitted: number;
  readonly #queue: (() => void)[] = [];
  #active = 0;
  #inside = 0;

  /**
   * @param running pieces of work at a time
   * @param admitted those and the waiting ones together, where any are refused
   */
  constructor(running: number, admitted = Number.POSITIVE_INFINITY) {
    this.#running = Math.min(running, admitted);
    this.#admitted = admitted;
  }

  /** Admitted and not yet done. */
  get inside(): number {
    return this.#inside;
  }

  /** @throws Overloaded */
  admit(): void {
    if (this.#inside >= this.#admitted) throw new Overloaded();
    this.#inside++;
  }

  leave(): void {
    this.#inside--;
  }

  /** Runs work of one that was admitted, when it is its turn. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#active >= this.#running) await new Promise<void>((resolve) => this.#queue.push(resolve));
    else this.#active++;
    try {
      return await work();
    } finally {
      // The place goes to the next in line, or is free.
      const next = this.#queue.shift();
      if (next) next();
      else this.#active--;
    }
  }
}
