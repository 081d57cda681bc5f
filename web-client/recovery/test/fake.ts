/** A pusher-js of a few lines: channels, an emitter for each thing, and a server's side to speak through. */

import type { PusherLike } from "../src/pusher.js";

type Listener = (...args: unknown[]) => void;

class Dispatcher {
  readonly #named: [string, Listener][] = [];
  #all: Listener[] = [];
  bind(name: string, listener: Listener): void {
    this.#named.push([name, listener]);
  }
  unbind(name: string, listener: Listener): void {
    const at = this.#named.findIndex(([n, l]) => n === name && l === listener);
    if (at >= 0) this.#named.splice(at, 1);
  }
  bind_global(listener: Listener): void {
    this.#all.push(listener);
  }
  unbind_global(listener: Listener): void {
    this.#all = this.#all.filter((each) => each !== listener);
  }
  emit(name: string, data?: unknown): void {
    for (const each of this.#all) each(name, data);
    for (const [n, each] of [...this.#named]) if (n === name) each(data);
  }
  get isUnheard(): boolean {
    return this.#all.length + this.#named.length === 0;
  }
}

interface Sent {
  event: string;
  channel?: string;
  id?: string;
  data: Record<string, unknown>;
}

export class FakePusher {
  readonly names = new Set<string>();
  readonly sent: Sent[] = [];
  readonly manager = new Dispatcher();
  transport = new Dispatcher();
  readonly connection: PusherLike["connection"];

  constructor() {
    const { manager, sent } = this;
    this.connection = {
      state: "connecting",
      connection: null,
      bind: (name, listener) => manager.bind(name, listener as Listener),
      unbind: (name, listener) => manager.unbind(name ?? "", listener as Listener),
      send: (text) => this.connection.connection !== null && sent.push(JSON.parse(text) as Sent) > 0,
    };
  }

  channel(name: string): unknown {
    return this.names.has(name) ? {} : undefined;
  }

  subscribe(name: string): string {
    this.names.add(name);
    if (this.connection.state === "connected") void this.connection.send(JSON.stringify({ event: "pusher:subscribe", data: { channel: name } }));
    return name;
  }

  /** What pusher-js does when a connection is there. */
  connect(): void {
    this.transport = new Dispatcher();
    this.connection.connection = { transport: this.transport };
    this.#state("connected");
    for (const name of this.names) this.subscribe(name);
  }

  lose(): void {
    this.connection.connection = null;
    this.transport.emit("closed", { code: 1006 });
    this.#state("connecting");
  }

  /** The server says this. Data of the protocol's own events is a text, as on the wire. */
  hear(event: string, data: unknown, more: object = {}): void {
    this.transport.emit("message", { data: JSON.stringify({ event, data: JSON.stringify(data), ...more }) });
  }

  joined(channel: string, weir?: object): void {
    this.hear("pusher_internal:subscription_succeeded", weir ? { weir } : {}, { channel });
  }

  says(channel: string, offset: number, more: object = {}): void {
    this.hear("said", { n: offset }, { channel, offset, epoch: "e1", ...more });
  }

  last(event: string): Sent | undefined {
    return this.sent.findLast((each) => each.event === event);
  }

  #state(current: string): void {
    const previous = this.connection.state;
    this.connection.state = current;
    this.manager.emit("state_change", { previous, current });
  }
}
