/** How far somebody has heard a channel, such that asking for what came after is neither too little nor too much. */

import type { Standing } from "./frame.js";
import type { Mark } from "./words.js";

export class Position {
  #mark: Mark | undefined;
  /** Own messages, which are not sent back: they are passed over when everything before them was heard. */
  readonly #own = new Set<number>();
  /** Missed messages that still have to come, and where the channel stands after the last of them. */
  #owed: { left: number; top: Mark } | undefined;
  /** Nothing was ever said on the channel, so its first message is the next. */
  #isNew = false;

  constructor(mark?: Mark) {
    this.#mark = mark;
  }

  /** What to ask after. */
  get mark(): Mark | undefined {
    return this.#mark;
  }

  /** The answer to a subscription. */
  subscribed({ offset, epoch, recoverable, missed = 0 }: Standing): void {
    this.#owed = undefined;
    this.#isNew = recoverable && offset === undefined;
    if (offset === undefined || epoch === undefined) {
      this.#mark = undefined;
      return;
    }
    // While missed messages come, only they move the mark: should the connection be lost again, the rest is asked for again.
    if (missed > 0) this.#owed = { left: missed, top: { offset, epoch } };
    else this.#move({ offset, epoch });
  }

  /** A message came. */
  heard(mark: Mark): void {
    this.#isNew = false;
    const now = this.#mark;
    // What a cache channel repeats may be older than what was heard.
    if (!now || now.epoch !== mark.epoch || now.offset < mark.offset) this.#move(mark);
    if (this.#owed && --this.#owed.left <= 0) {
      const { top } = this.#owed;
      this.#owed = undefined;
      this.#move(top);
    }
  }

  /** An own message was taken. */
  published(mark: Mark): void {
    if (this.#isNew && mark.offset === 1) this.#mark = { offset: 0, epoch: mark.epoch };
    if (!this.#mark || this.#mark.epoch !== mark.epoch) return;
    if (mark.offset > this.#mark.offset) this.#own.add(mark.offset);
    this.#pass();
  }

  #move(mark: Mark): void {
    if (this.#mark?.epoch !== mark.epoch) this.#own.clear();
    this.#mark = mark;
    this.#pass();
  }

  #pass(): void {
    const mark = this.#mark;
    if (!mark) return;
    let { offset } = mark;
    while (this.#own.delete(offset + 1)) offset += 1;
    this.#mark = { ...mark, offset };
    for (const own of this.#own) if (own <= offset) this.#own.delete(own);
  }
}
