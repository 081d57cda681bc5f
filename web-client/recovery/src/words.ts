/** What is said, in the words of the wire. */

/** Where a message stands: its number on the channel, and which count that is. */
export interface Mark {
  offset: number;
  /** Compare it for equality only. */
  epoch: string;
}

/** A message as it came. */
export interface Message {
  channel: string;
  event: string;
  /** Parsed where it is JSON, as pusher-js does; base64 text where `encoding` says so; on encrypted channels still sealed. */
  data: unknown;
  /** Who said it, on presence channels. */
  userId?: string;
  /** Absent where the channel has none. */
  offset?: number;
  epoch?: string;
  /** Milliseconds since 1970; from then on nobody may read it. Absent where no rule ends it. */
  expiresAt?: number;
  encoding?: "base64";
}

/** The server knows what Weir adds. */
export interface Welcome {
  /** The session's id, as `GET /api/v1/connections` lists it. */
  session: string;
  /** The features that this connection gets. */
  features: string[];
}

/** Nothing was missed, or all that was missed follows. */
export interface Recovered {
  channel: string;
  /** How many missed messages follow before live ones. */
  missed: number;
}

/**
 * Why nobody can say that all is there:
 * `incomplete`: the server says that something is missing: expired, erased, never kept, too much, or of another epoch;
 * `not_recoverable`: such channels cannot be recovered (`record: after`, events to a user, or not a Weir);
 * `unknown_position`: nothing was heard before the connection was lost, so there was nothing to ask after.
 */
export type GapReason = "incomplete" | "not_recoverable" | "unknown_position";

/** Something may be missing. Fetch the state anew. */
export interface Gap {
  channel: string;
  reason: GapReason;
  /** How many of the missed messages are still readable and follow before live ones. */
  missed: number;
}

/** The time of this message is over: delete your copies. */
export interface Expired extends Mark {
  channel: string;
}

export type NoticeKind = "consent_withdrawn" | "consent_given" | "processing_restricted" | "subject_erased";

/** What the person may have or be told has changed. */
export interface Notice {
  /** Servers to come may know more kinds. */
  kind: NoticeKind | (string & {});
  /** The purpose's short name. */
  purpose?: string;
}

/** A published event was taken. */
export interface Ack {
  /** Absent where the channel has none. */
  offset?: number;
  epoch?: string;
  /** True: committed; it survives the death of the server. False: delivered, and no rule keeps it. */
  recorded: boolean;
}

/** A piece of a channel's past, oldest first. */
export interface History {
  messages: Message[];
  /** Absent where nothing was ever recorded. */
  epoch?: string;
  /** The newest offset that was given out. */
  top?: number;
  /** Every message after `after`, up to the last one in the list, is in it. */
  complete: boolean;
}
