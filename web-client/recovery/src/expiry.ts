/** Tells when the time of a message is over. */

import type { Expired } from "./words.js";

/** The longest that a timer can wait, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

export class Expiry {
  /** By time, the soonest last. */
  readonly #waiting: { at: number; what: Expired }[] = [];
  readonly #known = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Beyond `most` waiting messages the one whose time is over first is told early: to delete too soon does no harm. */
  constructor(
    readonly most: number,
    readonly tell: (what: Expired) => void,
  ) {}

  add(what: Expired, at: number): void {
    const key = keyOf(what);
    if (this.#known.has(key)) return;
    this.#known.add(key);
    this.#waiting.splice(this.#place(at), 0, { at, what });
    if (this.#waiting.length > this.most) this.#tellNext();
    this.#wait();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.length = 0;
    this.#known.clear();
  }

  /** Behind everything that ends later, by bisection. */
  #place(at: number): number {
    let low = 0;
    let high = this.#waiting.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#waiting[middle]?.at ?? 0) > at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #tellNext(): void {
    const next = this.#waiting.pop();
    if (!next) return;
    this.#known.delete(keyOf(next.what));
    this.tell(next.what);
  }

  #wait(): void {
    clearTimeout(this.#timer);
    const next = this.#waiting.at(-1);
    if (!next) return;
    this.#timer = setTimeout(() => this.#due(), Math.min(Math.max(next.at - Date.now(), 0), LONGEST));
    // In Node, nothing has to stay alive for this.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  #due(): void {
    while ((this.#waiting.at(-1)?.at ?? Infinity) <= Date.now()) this.#tellNext();
    this.#wait();
  }
}

function keyOf({ channel, epoch, offset }: Expired): string {
  return `${channel} ${epoch} ${offset}`;
}
