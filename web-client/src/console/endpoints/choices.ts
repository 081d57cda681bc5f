import type { Purpose } from "../../api/types";
import type { Choice } from "../../components/choices";

export const KINDS: Choice[] = [
  { id: "channel", label: "Channel", hint: "Weir is the back end: clients and your servers publish, subscribers receive." },
  { id: "relay", label: "Relay", hint: "Weir pools connections to a WebSocket that you run." },
];

export const RECORDS: Choice[] = [
  { id: "before", label: "Before delivery", hint: "What was delivered is surely in the journal." },
  { id: "after", label: "After delivery", hint: "Faster; recorded right after." },
  { id: "never", label: "Never", hint: "Passed on and forgotten." },
];

export const POOL_MODES: Choice[] = [
  { id: "session", label: "One each", hint: "Any protocol; your back end sees a connection for each client." },
  { id: "multiplex", label: "Shared", hint: "Many clients on a few connections; your back end speaks weir.mux.v1." },
  { id: "webhook", label: "None: HTTP", hint: "For a back end without WebSockets; what clients say is posted to it." },
];

export const ON_WITHDRAWAL: Choice[] = [
  { id: "close", label: "Close the connection", hint: "The socket ends before the withdrawal is answered." },
  { id: "silence", label: "Keep it, silent", hint: "Nothing more is delivered or accepted for the purpose." },
];

export const SLOW_CONSUMERS: Choice[] = [
  { id: "disconnect", label: "Is disconnected", hint: "It knows that it missed something and can recover." },
  { id: "drop_oldest", label: "Loses the oldest messages", hint: "For values that are soon out of date." },
  { id: "conflate", label: "Gets only the newest of each event", hint: "Of the same channel and event only the newest waits." },
];

export function purposeChoices(purposes: Purpose[] | undefined, none = "No particular purpose"): Choice[] {
  return [{ id: "", label: none }, ...(purposes ?? []).map((purpose) => ({ id: purpose.id, label: purpose.name, hint: purpose.requires_consent ? "waits for consent" : undefined }))];
}
