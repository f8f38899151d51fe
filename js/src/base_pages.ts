/** The base for decoders that cannot wait: pages that were fetched are at hand, others are asked for. */
import type { Base } from "./sources.js";

export const PAGE = 65536;

export class BasePages {
  /** Pages fetched so far. */
  fetched = 0;
  private readonly pages = new Map<number, Uint8Array>();
  private missing = 0;
  private coming: Promise<Uint8Array> | null = null;

  /** `most` pages are kept, those used last. */
  constructor(
    private readonly base: Base,
    private readonly most: number,
  ) {}

  /** Copy bytes of the base to `to`; false if a page of them is not at hand: then fetch it, and ask again. */
  read(offset: number, to: Uint8Array): boolean {
    if (this.base.bytes !== null) {
      to.set(this.base.bytes.subarray(offset, offset + to.length));
      return true;
    }
    for (let done = 0; done < to.length; ) {
      const number = Math.floor((offset + done) / PAGE);
      const page = this.pageAtHand(number);
      if (page === null) return false;
      const from = offset + done - number * PAGE;
      const part = page.subarray(from, from + to.length - done);
      to.set(part, done);
      done += part.length;
    }
    return true;
  }

  /** Wait for the page that was not at hand, and `more` behind it. */
  async fetch(more = 0): Promise<void> {
    if (this.coming === null) return;
    const first = this.missing;
    this.keep(first, await this.coming);
    this.coming = null;
    for (let number = first + 1; number <= first + more && number * PAGE < this.base.size; number++) {
      if (!this.pages.has(number)) this.keep(number, await this.ask(number));
    }
  }

  private pageAtHand(number: number): Uint8Array | null {
    // A decoder may ask on after it was told that a page is not there: for what, means nothing.
    if (this.coming !== null) return null;
    const page = this.pages.get(number) ?? this.ask(number);
    if (page instanceof Promise) {
      this.missing = number;
      this.coming = page;
      // Whoever waits for it gets the error.
      page.catch(() => {});
      return null;
    }
    this.keep(number, page);
    return page;
  }

  private ask(number: number): Uint8Array | Promise<Uint8Array> {
    this.fetched++;
    return this.base.read(number * PAGE, Math.min(PAGE, this.base.size - number * PAGE));
  }

  /** As the one used last: that is the last in the map. */
  private keep(number: number, page: Uint8Array): void {
    this.pages.delete(number);
    if (this.pages.size >= this.most) this.pages.delete(this.pages.keys().next().value as number);
    this.pages.set(number, page);
  }
}
