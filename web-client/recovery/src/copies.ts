/** Copies of the newest messages, for as long as they may be kept. */

import type { Expired, Message } from "./words.js";

export class Copies {
  readonly #channels = new Map<string, Message[]>();

  /** How many of each channel. */
  constructor(readonly most: number) {}

  of(channel: string): readonly Message[] {
    return [...(this.#channels.get(channel) ?? [])];
  }

  keep(message: Message): void {
    if (this.most < 1) return;
    const copies = this.#channels.get(message.channel) ?? [];
    this.#channels.set(message.channel, copies);
    copies.push(message);
    if (copies.length > this.most) copies.shift();
  }

  expire({ channel, offset, epoch }: Expired): void {
    const copies = this.#channels.get(channel);
    const left = copies?.filter((copy) => copy.offset !== offset || copy.epoch !== epoch);
    if (left) this.#channels.set(channel, left);
  }

  forget(channel: string): void {
    this.#channels.delete(channel);
  }

  clear(): void {
    this.#channels.clear();
  }
}
