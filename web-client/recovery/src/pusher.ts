/**
 * The parts of pusher-js that are used, as shapes, so that no version's types get in the way.
 *
 * pusher-js drops what it does not know from a message, so frames are read where they come in, at its transport. A listener
 * that is bound globally there hears a frame before pusher-js does.
 */

/** An emitter of pusher-js. */
export interface DispatcherLike {
  // pusher-js types its callbacks as Function.
  // eslint-disable-next-line @typescript-eslint/no-unsafe-function-type
  bind_global(callback: Function): unknown;
  // eslint-disable-next-line @typescript-eslint/no-unsafe-function-type
  unbind_global(callback?: Function): unknown;
}

/** pusher-js's connection manager. */
export interface ConnectionLike {
  state: string;
  /** The connection as it is now; null between two. */
  connection: { transport: DispatcherLike | null } | null;
  // eslint-disable-next-line @typescript-eslint/no-unsafe-function-type
  bind(event: string, callback: Function): unknown;
  // eslint-disable-next-line @typescript-eslint/no-unsafe-function-type
  unbind(event?: string, callback?: Function): unknown;
  send(data: string): unknown;
}

/** A pusher-js client, version 8. */
export interface PusherLike {
  connection: ConnectionLike;
  channel(name: string): unknown;
  subscribe(name: string): unknown;
}
