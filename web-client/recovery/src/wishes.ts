/** What a hello asks for, within what a server takes. */

import type { Mark } from "./words.js";

/** Most channels in one hello. */
const CHANNELS = 1_000;
/** Most bytes of marks in one hello, so that it fits an endpoint's smallest sensible `max_message_bytes`. Names are ASCII. */
const BYTES = 32_768;

/** As many of these marks as one hello takes. */
export function fitting(marks: Iterable<[string, Mark]>): Record<string, Mark> {
  const taken: Record<string, Mark> = {};
  let channels = 0;
  let bytes = 0;
  for (const [channel, mark] of marks) {
    bytes += JSON.stringify([channel, mark]).length;
    if (++channels > CHANNELS || bytes > BYTES) break;
    taken[channel] = mark;
  }
  return taken;
}
