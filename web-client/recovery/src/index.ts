/** What Weir adds to the Pusher protocol, on top of an unmodified pusher-js. The frames are in docs/protocol.md, "What Weir adds". */

export { Closed, HistoryRefused, NotAnswered, NotConnected, NotSubscribed, PublishRefused, type RecoveryError } from "./errors.js";
export type { PusherLike } from "./pusher.js";
export { type Recovery, type RecoveryEvents, type RecoveryOptions, withRecovery } from "./recovery.js";
export type { Ack, Expired, Gap, GapReason, History, Mark, Message, Notice, NoticeKind, Recovered, Welcome } from "./words.js";
