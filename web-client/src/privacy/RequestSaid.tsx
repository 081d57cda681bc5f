import { useQuery } from "@tanstack/react-query";
import { getPortal } from "../api/portal";
import type { RequestDetails } from "../api/types";
import { useWords } from "./words";
import { said } from "./words/codes";

/** What the person asked for beyond the kind, as they said it. */
export function RequestSaid({ slug, details }: { slug: string; details: RequestDetails | undefined }) {
  const words = useWords();
  const { corrections = [], ground, purpose_ids = [], text } = details ?? {};
  const purposes = useQuery({ queryKey: ["portal", slug], queryFn: () => getPortal(slug), enabled: purpose_ids.length > 0 }).data?.purposes;
  const against = purposes?.filter(({ id }) => purpose_ids.includes(id)).map(({ name }) => name) ?? [];
  if (corrections.length === 0 && !ground && against.length === 0 && !text) return null;
  return (
    <dl className="stack tight">
      {corrections.map(({ field, value }, index) => (
        <Line key={index} label={`${words.requests.correct}: ${field === "email" ? words.requests.email : field}`} value={value} />
      ))}
      {against.length > 0 && <Line label={words.requests.against} value={new Intl.ListFormat(words.locale, { type: "conjunction" }).format(against)} />}
      {ground && <Line label={words.requests.ground} value={said(words.requests.grounds, ground, ground)} />}
      {text && <Line label={words.requests.ownWords} value={text} />}
    </dl>
  );
}

function Line({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <dt className="small faint">{label}</dt>
      <dd className="said">{value}</dd>
    </div>
  );
}
