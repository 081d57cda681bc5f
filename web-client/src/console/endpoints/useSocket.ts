import { useCallback, useEffect, useRef, useState } from "react";

export interface FeedLine {
  key: number;
  at: Date;
  tone: "in" | "out" | "err" | "note";
  text: string;
}

export interface Socket {
  state: "closed" | "opening" | "open";
  lines: FeedLine[];
  open: (url: string) => void;
  send: (text: string) => void;
  close: () => void;
  note: (text: string, tone?: FeedLine["tone"]) => void;
}

const KEPT_LINES = 200;

/** One WebSocket and what passed over it, for looking at. */
export function useSocket(): Socket {
  const socket = useRef<WebSocket>(undefined);
  const [state, setState] = useState<Socket["state"]>("closed");
  const [lines, setLines] = useState<FeedLine[]>([]);
  const next = useRef(0);

  const note = useCallback((text: string, tone: FeedLine["tone"] = "note") => {
    next.current += 1;
    const line = { key: next.current, at: new Date(), tone, text };
    setLines((known) => [...known, line].slice(-KEPT_LINES));
  }, []);

  const close = useCallback(() => socket.current?.close(1000), []);

  const open = useCallback(
    (url: string) => {
      socket.current?.close(1000);
      const fresh = new WebSocket(url);
      socket.current = fresh;
      setState("opening");
      fresh.onopen = () => {
        setState("open");
        note("connected");
      };
      fresh.onmessage = (event) => note(typeof event.data === "string" ? event.data : `${(event.data as Blob).size} bytes of binary data`, "in");
      fresh.onclose = (event) => {
        if (socket.current === fresh) setState("closed");
        note(`closed with ${event.code}${event.reason ? `: ${event.reason}` : ""}`, event.code === 1000 || event.code === 1005 ? "note" : "err");
      };
    },
    [note],
  );

  const send = useCallback(
    (text: string) => {
      socket.current?.send(text);
      note(text, "out");
    },
    [note],
  );

  useEffect(() => () => socket.current?.close(1000), []);

  return { state, lines, open, send, close, note };
}

/** The address for this browser: the policy of this page allows sockets to its own origin only. */
export function ownSocketUrl(connectUrl: string, token: string): string {
  const url = new URL(connectUrl, window.location.href);
  url.protocol = window.location.protocol === "https:" ? "wss:" : "ws:";
  url.host = window.location.host;
  url.searchParams.set("token", token);
  return url.toString();
}
