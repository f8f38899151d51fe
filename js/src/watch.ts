/** Progress, cancelling, and turns for others: long work must not freeze a page. */
import type { Options, Phase } from "./options.js";

/** Milliseconds of work between two turns for others. */
const TURN = 30;

export class Watch {
  private since = performance.now();

  constructor(private readonly options: Options) {
    options.signal?.throwIfAborted();
  }

  report(done: number, total: number, phase: Phase): void {
    this.options.onProgress?.(done, total, phase);
  }

  /** Let others work if it is time, and end if the caller wants that. */
  async breathe(): Promise<void> {
    if (performance.now() - this.since >= TURN) {
      await new Promise((resolve) => setTimeout(resolve));
      this.since = performance.now();
    }
    this.options.signal?.throwIfAborted();
  }
}
