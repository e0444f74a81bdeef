/** Upper ends of the histogram's buckets, in seconds. */
const BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What a service counts, in the text format of Prometheus (version 0.0.4). */
export class ServerMetrics {
  readonly #requests = new Map<string, number>();
  readonly #buckets = BUCKETS.map(() => 0);
  #seconds = 0;
  #predictions = 0;
  #faces = 0;
  readonly #waiting: () => number;

  /** @param waiting pictures admitted and not yet answered */
  constructor(waiting: () => number) {
    this.#waiting = waiting;
  }

  request(route: string, status: number): void {
    const key = `route="${route}",status="${status}"`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
  }

  /** An answered prediction request: from its arrival to its answer. */
  prediction(seconds: number, faces: number): void {
    this.#predictions++;
    this.#seconds += seconds;
    this.#faces += faces;
    // Cumulative, as the format wants it.
    BUCKETS.forEach((most, i) => {
      if (seconds <= most) this.#buckets[i]++;
    });
  }

  text(): string {
    const { rss, heapUsed, external } = process.memoryUsage();
    const family = (name: string, type: string, help: string, lines: readonly string[]): string[] => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...lines,
    ];
    const gauge = (name: string, help: string, value: number): string[] =>
      family(name, 'gauge', help, [`${name} ${value}`]);
    const seconds = 'fer_prediction_seconds';
    return [
      ...family(
        'fer_requests_total',
        'counter',
        'Requests answered.',
        [...this.#requests].map(([key, count]) => `fer_requests_total{${key}} ${count}`),
      ),
      ...family(seconds, 'histogram', 'Time from arrival to answer of pictures that were recognised.', [
        ...BUCKETS.map((most, i) => `${seconds}_bucket{le="${most}"} ${this.#buckets[i]}`),
        `${seconds}_bucket{le="+Inf"} ${this.#predictions}`,
        `${seconds}_sum ${this.#seconds}`,
        `${seconds}_count ${this.#predictions}`,
      ]),
      ...family('fer_faces_total', 'counter', 'Faces recognised.', [`fer_faces_total ${this.#faces}`]),
      ...gauge('fer_predictions_waiting', 'Requests admitted and not yet answered.', this.#waiting()),
      ...gauge('process_resident_memory_bytes', 'Resident memory.', rss),
      ...gauge('nodejs_heap_used_bytes', 'JavaScript heap in use.', heapUsed),
      ...gauge('nodejs_external_memory_bytes', 'Memory of buffers outside the heap.', external),
      '',
    ].join('\n');
  }
}
