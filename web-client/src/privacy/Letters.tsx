import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { listPortalMessages, writePortalMessage } from "../api/portal";
import { ApiForm } from "../components/ApiForm";
import { LongText } from "../components/fields";
import { Loaded } from "../components/states";
import { useWords } from "./words";

/** What was written about a request, and room to answer. Read only when it is opened. */
export function Letters({ slug, id }: { slug: string; id: string }) {
  const words = useWords();
  const [open, setOpen] = useState(false);
  return (
    <details className="small" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{words.requests.messages}</summary>
      {open && <Conversation slug={slug} id={id} />}
    </details>
  );
}

function Conversation({ slug, id }: { slug: string; id: string }) {
  const words = useWords();
  const cache = useQueryClient();
  const key = ["portal", slug, "mine", "letters", id];
  const [text, setText] = useState("");
  const query = useQuery({ queryKey: key, queryFn: () => listPortalMessages(slug, id), refetchInterval: 15_000 });
  return (
    <div className="stack tight">
      <Loaded query={query} lines={2}>
        {({ items }) => (
          <ol className="timeline" role="list">
            {items.map((letter) => (
              <li key={letter.id}>
                <strong>{letter.author === "subject" ? words.requests.you : words.requests.they}</strong>
                <p style={{ whiteSpace: "pre-line" }}>{letter.text}</p>
                <span className="faint">{new Intl.DateTimeFormat(words.locale, { dateStyle: "long", timeStyle: "short" }).format(new Date(letter.at))}</span>
              </li>
            ))}
          </ol>
        )}
      </Loaded>
      <ApiForm
        submitLabel={words.requests.write}
        disabled={!text.trim()}
        submit={() => writePortalMessage(slug, id, text)}
        onDone={() => {
          setText("");
          void cache.invalidateQueries({ queryKey: key });
        }}
      >
        <LongText name="/text" label={words.requests.yourMessage} value={text} onChange={setText} required={false} />
      </ApiForm>
    </div>
  );
}
