import { useQuery } from "@tanstack/react-query";
import { listCallbacks } from "../../api/requests";
import type { Callback, SubjectRequest } from "../../api/types";
import { Badge, type Tone } from "../../components/Badge";
import { Card } from "../../components/Page";
import { fullTime } from "../../format/time";

const STATES: Record<string, { tone: Tone; words: string }> = {
  pending: { tone: "accent", words: "being told" },
  unanswered: { tone: "warn", words: "has not answered" },
  failed: { tone: "bad", words: "could not be told" },
  acknowledged: { tone: "good", words: "has done it" },
};

/** Who was told to do as was done here, and who has not said that it did (GDPR Art. 19). Nothing where nobody was told. */
export function Recipients({ request }: { request: SubjectRequest }) {
  const query = useQuery({ queryKey: ["request", request.id, "callbacks"], queryFn: () => listCallbacks(request.id), refetchInterval: 10_000 });
  const callbacks = query.data?.items ?? [];
  if (callbacks.length === 0) return null;
  return (
    <Card title="Recipients">
      <ul className="stack tight" role="list">
        {callbacks.map((callback) => (
          <Line key={callback.id} callback={callback} />
        ))}
      </ul>
    </Card>
  );
}

function Line({ callback }: { callback: Callback }) {
  const state = STATES[callback.state] ?? { tone: "plain" as const, words: callback.state };
  return (
    <li>
      <p className="row tight">
        <strong>{callback.host ?? "a webhook"}</strong>
        <Badge tone={state.tone}>{state.words}</Badge>
      </p>
      <p className="faint small">
        {callback.acknowledged_at ? `Answered ${fullTime(callback.acknowledged_at)}` : `Told since ${fullTime(callback.created_at)}`}
        {callback.note && `: ${callback.note}`}
      </p>
    </li>
  );
}
