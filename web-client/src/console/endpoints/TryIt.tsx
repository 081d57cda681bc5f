import { useEffect, useRef, useState } from "react";
import { mintToken, publish } from "../../api/endpoints";
import type { Endpoint, Published } from "../../api/types";
import { useAction } from "../../components/action";
import { ApiForm } from "../../components/ApiForm";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { LongText, TextInput } from "../../components/fields";
import { Card } from "../../components/Page";
import { counted } from "../../format/number";
import { useMay } from "../session";
import { type FeedLine, ownSocketUrl, useSocket } from "./useSocket";

/** Opens a socket as a made-up person and publishes to it, to see a message come through. */
export function TryIt({ endpoint }: { endpoint: Endpoint }) {
  const may = useMay();
  const socket = useSocket();
  const [sub, setSub] = useState("try-it");
  const [text, setText] = useState('{"text": "hello"}');
  const [line, setLine] = useState("");
  const connect = useAction(async () => {
    const { token, connect_url } = await mintToken(endpoint.id, { sub, ttl_seconds: 600 });
    socket.open(ownSocketUrl(connect_url, token));
  });

  return (
    <div className="grid-2">
      <Card title="A client" aside={<SocketState state={socket.state} />}>
        <div className="toolbar">
          <TextInput name="#sub" label="Connect as" value={sub} onChange={setSub} code disabled={socket.state !== "closed"} />
          {socket.state === "closed" ? (
            <Button kind="primary" onPress={() => connect.run()} isPending={connect.busy} isDisabled={sub === ""}>
              Connect
            </Button>
          ) : (
            <Button onPress={socket.close}>Disconnect</Button>
          )}
        </div>
        <Feed lines={socket.lines} />
        {socket.state === "open" && (
          <form
            className="toolbar"
            onSubmit={(event) => {
              event.preventDefault();
              if (line === "") return;
              socket.send(line);
              setLine("");
            }}
          >
            <div className="field grow">
              <TextInput name="#line" label="Send from the client" value={line} onChange={setLine} code />
            </div>
            <Button type="submit">Send</Button>
          </form>
        )}
      </Card>
      {endpoint.kind === "channel" && may("messages:write") && (
        <Card title="Your server">
          <p className="soft">Publishes over REST, as your back end would.</p>
          <ApiForm
            submitLabel="Publish"
            submit={() => publish(endpoint.id, { data: dataOf(text) })}
            onDone={(answer) => socket.note(`published: ${outcome(answer)}`)}
          >
            <LongText name="/data" label="Message" value={text} onChange={setText} required code hint="JSON is sent serialised, anything else as it is." />
          </ApiForm>
        </Card>
      )}
    </div>
  );
}

function Feed({ lines }: { lines: FeedLine[] }) {
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (end.current) end.current.scrollTop = end.current.scrollHeight;
  }, [lines]);
  return (
    <div className="log-feed" role="log" aria-label="What passes" tabIndex={0} ref={end}>
      {lines.length === 0 && <span>Nothing yet. Connect, then publish.</span>}
      {lines.map((line) => (
        <div key={line.key} className={line.tone}>
          <time>{line.at.toLocaleTimeString()}</time>
          {{ in: "← ", out: "→ ", err: "✕ ", note: "· " }[line.tone]}
          {line.text}
        </div>
      ))}
    </div>
  );
}

function SocketState({ state }: { state: string }) {
  if (state === "open") {
    return (
      <Badge tone="good">
        <span className="live-dot" aria-hidden="true" /> connected
      </Badge>
    );
  }
  return <Badge>{state === "opening" ? "connecting…" : "not connected"}</Badge>;
}

function dataOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function outcome({ recipients, recorded, offset }: Published): string {
  const where = recorded ? (offset === undefined ? "recorded" : `recorded at offset ${offset}`) : "passed on, not recorded (no retention rule keeps it)";
  return `${where}, reached ${counted(recipients, "client")}`;
}
