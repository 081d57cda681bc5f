/** What can go wrong, as types. */

/** The server refused a publish: nobody got it. */
export class PublishRefused extends Error {
  override readonly name = "PublishRefused";
  /** `code` is one of the protocol's codes, such as 4301: too many client events. */
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

/** There was no connection: nothing was sent. Try again when there is one. */
export class NotConnected extends Error {
  override readonly name = "NotConnected";
  constructor() {
    super("not connected; nothing was sent");
  }
}

/** Only of a subscribed channel can one ask for history. */
export class NotSubscribed extends Error {
  override readonly name = "NotSubscribed";
  constructor(channel: string) {
    super(`subscribe to ${channel} first`);
  }
}

/** The server could not or would not answer a question for history. */
export class HistoryRefused extends Error {
  override readonly name = "HistoryRefused";
}

/** It was sent, and the connection ended or time ran out before an answer came. A publish may have been taken or not. */
export class NotAnswered extends Error {
  override readonly name = "NotAnswered";
  constructor(readonly why: "connection_lost" | "timeout") {
    super(why === "timeout" ? "no answer in time" : "the connection was lost before the answer");
  }
}

/** `close()` was called. */
export class Closed extends Error {
  override readonly name = "Closed";
  constructor() {
    super("closed");
  }
}

export type RecoveryError = PublishRefused | HistoryRefused | NotConnected | NotSubscribed | NotAnswered | Closed;
