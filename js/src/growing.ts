/** Bytes in memory that grow as they come, never by what a patch claims. */
export class Growing {
  size = 0;
  private room = new Uint8Array(65536);

  add(bytes: Uint8Array): void {
    const wanted = this.size + bytes.length;
    if (wanted > this.room.length) {
      const larger = new Uint8Array(Math.max(wanted, 2 * this.room.length));
      larger.set(this.view(0, this.size));
      this.room = larger;
    }
    this.room.set(bytes, this.size);
    this.size = wanted;
  }

  /** Bytes where they lie. */
  view(offset: number, length: number): Uint8Array {
    return this.room.subarray(offset, offset + length);
  }
}
