/** Ties it together: says hello on each connection, remembers positions, asks after what was missed, tells what came of it. */

import { Copies } from "./copies.js";
import { Emitter } from "./emitter.js";
import { Closed, HistoryRefused, NotAnswered, NotConnected, NotSubscribed, PublishRefused } from "./errors.js";
import { Expiry } from "./expiry.js";
import { type Frame, type Standing, readFrame } from "./frame.js";
import { Position } from "./position.js";
import type { DispatcherLike, PusherLike } from "./pusher.js";
import { Questions } from "./questions.js";
import { fitting } from "./wishes.js";
import type { Ack, Expired, Gap, History, Mark, Message, Notice, Recovered, Welcome } from "./words.js";

const FEATURES = ["offsets", "acks", "notices", "expiry"];
/** Channels of single users cannot be recovered. */
const OF_USER = "#server-to-user-";

export interface RecoveryOptions {
  /** Where an earlier run stopped, as its `marks()` said: what came since is asked for. */
  marks?: Record<string, Mark>;
  /** How many of each channel's newest messages to keep a copy of, for `kept()`. Default 0. They go when their time is over. */
  keep?: number;
  /** How long to wait for an answer, in milliseconds. Default 10 000. */
  timeout?: number;
  /** Most messages that wait for `expired` at a time; beyond, those whose time is over first are told early. Default 10 000. */
  hints?: number;
}

export interface RecoveryEvents {
  welcome: Welcome;
  /** Every message, with where it stands and until when it may be kept; before pusher-js hands it to its own listeners. */
  message: Message;
  recovered: Recovered;
  gap: Gap;
  expired: Expired;
  notice: Notice;
}

const inUse = new WeakSet<PusherLike>();

/** Puts what Weir adds on top of a pusher-js client, connected already or not. One client takes it once. */
export function withRecovery<Pusher extends PusherLike>(pusher: Pusher, options: RecoveryOptions = {}): Recovery<Pusher> {
  return new Recovery(pusher, options);
}

export class Recovery<Pusher extends PusherLike = PusherLike> {
  readonly #pusher: Pusher;
  readonly #events = new Emitter<RecoveryEvents>();
  readonly #positions = new Map<string, Position>();
  readonly #subscribed = new Set<string>();
  /** Was subscribed when a connection was lost, or in an earlier run, and is not yet again. */
  readonly #lost = new Set<string>();
  /** Of those, the ones of an earlier run: whoever uses them may subscribe late. */
  readonly #earlier: Set<string>;
  /** What the last hellos on this connection asked after. */
  readonly #asked = new Set<string>();
  readonly #rewinds = new Map<string, number>();
  readonly #copies: Copies;
  readonly #expiry: Expiry;
  readonly #publishes: Questions<Ack>;
  readonly #histories: Questions<History>;
  #transport: DispatcherLike | undefined;
  #closed = false;

  constructor(pusher: Pusher, { marks = {}, keep = 0, timeout = 10_000, hints = 10_000 }: RecoveryOptions) {
    if (inUse.has(pusher)) throw new Error("this client has its recovery already");
    inUse.add(pusher);
    this.#pusher = pusher;
    for (const [channel, mark] of Object.entries(marks)) this.#positions.set(channel, new Position(mark));
    this.#earlier = new Set(Object.keys(marks));
    for (const channel of this.#earlier) this.#lost.add(channel);
    this.#copies = new Copies(keep);
    this.#expiry = new Expiry(hints, (what) => {
      this.#copies.expire(what);
      this.#events.emit("expired", what);
    });
    this.#publishes = new Questions(timeout);
    this.#histories = new Questions(timeout);
    pusher.connection.bind("state_change", this.#onState);
    if (pusher.connection.state === "connected") this.#connected();
  }

  /** Listens until the returned function is called. */
  on<Name extends keyof RecoveryEvents>(name: Name, listener: (event: RecoveryEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** Where each channel stands, for an option `marks` later. Offsets and epochs only. */
  marks(): Record<string, Mark> {
    const known = [...this.#positions].flatMap(([channel, { mark }]) => (mark ? [[channel, mark] as const] : []));
    return Object.fromEntries(known);
  }

  /** Copies of a channel's newest messages, oldest first, as many as the option `keep` says, without those whose time is over. */
  kept(channel: string): readonly Message[] {
    return this.#copies.of(channel);
  }

  /**
   * Publishes a client event and waits until the server has taken it. Fails with `PublishRefused` when nobody got it,
   * `NotConnected` when it was not sent, `NotAnswered` when it is not known.
   */
  async publish(channel: string, event: string, data: unknown): Promise<Ack> {
    if (!event.startsWith("client-")) throw new TypeError("the name of a client event begins with client-");
    const ack = await this.#publishes.ask((id) => this.#send({ event, channel, data: data ?? null, id }));
    const { offset, epoch } = ack;
    if (offset !== undefined && epoch !== undefined) this.#positions.get(channel)?.published({ offset, epoch });
    return ack;
  }

  /** A piece of a subscribed channel's past: what came after an offset, or without one the newest. At most 1,000 at a time. */
  async history(channel: string, { after, limit = 100 }: { after?: number; limit?: number } = {}): Promise<History> {
    if (!this.#pusher.connection.connection) throw new NotConnected();
    if (!this.#subscribed.has(channel)) throw new NotSubscribed(channel);
    const history = await this.#histories.ask((id) => this.#send({ event: "weir:history", channel, data: { id, after, limit } }));
    for (const message of history.messages) this.#mind(message);
    return history;
  }

  /** Subscribes, and asks for the newest `count` messages first. They come like live ones; nothing is said of completeness. */
  rewind(channel: string, count: number): ReturnType<Pusher["subscribe"]> {
    if (this.#subscribed.has(channel)) throw new Error(`${channel} is subscribed already; ask for its history`);
    this.#rewinds.set(channel, count);
    if (this.#transport) this.#hello();
    return this.#pusher.subscribe(channel) as ReturnType<Pusher["subscribe"]>;
  }

  /** Leaves the client as it was before. Its connection stays. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pusher.connection.unbind("state_change", this.#onState);
    this.#detach();
    this.#publishes.failAll(new Closed());
    this.#histories.failAll(new Closed());
    this.#expiry.clear();
    this.#copies.clear();
    this.#events.clear();
    inUse.delete(this.#pusher);
  }

  readonly #onState = ({ previous, current }: { previous: string; current: string }): void => {
    if (previous === "connected") this.#disconnected();
    // This comes before `connected`, on which pusher-js subscribes again: the hello goes out first.
    if (current === "connected") this.#connected();
  };

  readonly #onTransport = (name: string, payload: unknown): void => {
    if (name === "closed") this.#disconnected();
    else if (name === "message") this.#hear(readFrame((payload as { data?: unknown } | undefined)?.data));
  };

  #connected(): void {
    this.#detach();
    this.#transport = this.#pusher.connection.connection?.transport ?? undefined;
    this.#transport?.bind_global(this.#onTransport);
    for (const channel of [...this.#positions.keys(), ...this.#lost]) if (!this.#isWanted(channel)) this.#forget(channel);
    this.#asked.clear();
    this.#hello();
  }

  #disconnected(): void {
    if (!this.#transport) return;
    this.#detach();
    for (const channel of this.#subscribed) this.#lost.add(channel);
    this.#subscribed.clear();
    this.#publishes.failAll(new NotAnswered("connection_lost"));
    this.#histories.failAll(new NotAnswered("connection_lost"));
  }

  #detach(): void {
    this.#transport?.unbind_global(this.#onTransport);
    this.#transport = undefined;
  }

  /** Not unsubscribed in the meantime. */
  #isWanted(channel: string): boolean {
    return this.#earlier.has(channel) || channel.startsWith(OF_USER) || Boolean(this.#pusher.channel(channel));
  }

  #forget(channel: string): void {
    this.#positions.delete(channel);
    this.#lost.delete(channel);
    this.#copies.forget(channel);
  }

  /** Said again it replaces what was said before, so it always says everything that is still to be subscribed. */
  #hello(): void {
    const lost = [...this.#lost].flatMap((channel): [string, Mark][] => {
      const mark = this.#positions.get(channel)?.mark;
      return mark ? [[channel, mark]] : [];
    });
    const recover = fitting(lost);
    for (const channel of Object.keys(recover)) this.#asked.add(channel);
    const data = { v: 1, features: FEATURES, recover, rewind: Object.fromEntries(this.#rewinds) };
    // Where it cannot be sent the connection is ending, and the next one says hello anew.
    this.#pusher.connection.send(JSON.stringify({ event: "weir:hello", data }));
  }

  #send(frame: object): void {
    if (this.#closed) throw new Closed();
    const { connection } = this.#pusher;
    if (!connection.connection || connection.send(JSON.stringify(frame)) === false) throw new NotConnected();
  }

  #hear(frame: Frame | undefined): void {
    switch (frame?.kind) {
      case "welcome":
        return this.#events.emit("welcome", frame.welcome);
      case "subscribed":
        return this.#onSubscribed(frame.channel, frame.standing);
      case "message":
        return this.#onMessage(frame.message);
      case "ack":
        return this.#publishes.answer(frame.id, frame.ack);
      case "nack":
        return this.#publishes.fail(frame.id, new PublishRefused(frame.code, frame.message));
      case "history":
        return this.#histories.answer(frame.id, frame.history);
      case "no_history":
        return this.#histories.fail(frame.id, new HistoryRefused(frame.message));
      case "notice":
        // What the server erases, nobody keeps.
        if (frame.notice.kind === "subject_erased") this.#copies.clear();
        return this.#events.emit("notice", frame.notice);
      case undefined:
    }
  }

  /** Who comes back is told `recovered` or `gap`, always one of them. */
  #onSubscribed(channel: string, standing: Standing | undefined): void {
    const isBack = this.#lost.delete(channel);
    // Asked twice, a server says it twice, and the second time nothing of the past.
    if (!isBack && !standing && this.#subscribed.has(channel)) return;
    this.#subscribed.add(channel);
    this.#earlier.delete(channel);
    this.#rewinds.delete(channel);
    const asked = this.#asked.delete(channel);
    const position = this.#positions.get(channel) ?? new Position();
    this.#positions.set(channel, position);
    position.subscribed(standing ?? { recoverable: false });
    if (!isBack) return;
    const missed = standing?.missed ?? 0;
    if (standing?.recovered) return this.#events.emit("recovered", { channel, missed });
    const reason = !standing?.recoverable ? "not_recoverable" : asked ? "incomplete" : "unknown_position";
    this.#events.emit("gap", { channel, reason, missed });
  }

  #onMessage(message: Message): void {
    const { channel, offset, epoch } = message;
    if (offset !== undefined && epoch !== undefined) this.#positions.get(channel)?.heard({ offset, epoch });
    this.#copies.keep(message);
    this.#mind(message);
    this.#events.emit("message", message);
  }

  /** Its time may end. */
  #mind({ channel, offset, epoch, expiresAt }: Message): void {
    if (offset === undefined || epoch === undefined || expiresAt === undefined) return;
    this.#expiry.add({ channel, offset, epoch }, expiresAt);
  }
}
