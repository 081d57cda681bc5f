import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { listRequestMessages, writeRequestMessage } from "../../api/requests";
import type { SubjectRequest } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { LongText } from "../../components/fields";
import { Card } from "../../components/Page";
import { Loaded } from "../../components/states";
import { toast } from "../../components/toasts";
import { fullTime } from "../../format/time";
import { actorFrom, useActorNames } from "../actors";
import { useMay } from "../session";

/** What the person and the team wrote about it, oldest first, and room to answer. */
export function Conversation({ request }: { request: SubjectRequest }) {
  const may = useMay();
  const actorName = useActorNames();
  const query = useQuery({ queryKey: ["request", request.id, "messages"], queryFn: () => listRequestMessages(request.id), refetchInterval: 10_000 });
  return (
    <Card title="Messages">
      <Loaded query={query} lines={2}>
        {({ items }) =>
          items.length === 0 ? (
            <p className="soft">Nothing was written yet.</p>
          ) : (
            <ol className="timeline" role="list">
              {items.map((message) => (
                <li key={message.id}>
                  <strong>{message.author === "subject" ? "The person" : actorName(actorFrom(message.author))}</strong>
                  <p className="prose said">{message.text}</p>
                  <span className="faint small">
                    {fullTime(message.at)}
                    {message.author !== "subject" && (message.seen_at ? `, read ${fullTime(message.seen_at)}` : ", not read yet")}
                  </span>
                </li>
              ))}
            </ol>
          )
        }
      </Loaded>
      {may("requests:write") && <Write id={request.id} />}
    </Card>
  );
}

function Write({ id }: { id: string }) {
  const cache = useQueryClient();
  const [text, setText] = useState("");
  return (
    <ApiForm
      submitLabel="Send"
      submitKind="plain"
      disabled={!text.trim()}
      submit={() => writeRequestMessage(id, text)}
      onDone={() => {
        setText("");
        toast({ title: "Sent." });
        void cache.invalidateQueries({ queryKey: ["request", id, "messages"] });
      }}
    >
      <LongText name="/text" label="Write to the person" hint="They get a mail that says that there is something to read, and read it on the privacy page." value={text} onChange={setText} rows={3} />
    </ApiForm>
  );
}
