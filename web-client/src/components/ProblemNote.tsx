import type { Problem } from "../api/problem";
import { CopyButton } from "./Copy";
import { Icon } from "./Icon";
import { usePhrases } from "./phrases";

/** A problem in words, with the request id that support can look up. `fields` are the errors no form field shows. */
export function ProblemNote({ problem, fields = problem.fields }: { problem: Problem; fields?: Problem["fields"] }) {
  const phrases = usePhrases();
  const { title, detail } = phrases.problem(problem);
  return (
    <div className="notice bad" role="alert">
      <Icon name="warning" />
      <div className="body stack tight">
        <div>
          <strong>{title}</strong>
          {detail && <p>{detail}</p>}
        </div>
        {fields.length > 0 && (
          <ul role="list">
            {fields.map((entry, index) => (
              <li key={index}>
                <code>{entry.field}</code> {phrases.field(entry)}
              </li>
            ))}
          </ul>
        )}
        {problem.retryAfter !== undefined && <p>{phrases.tryAgainIn(problem.retryAfter)}</p>}
        {problem.requestId && (
          <p className="small soft row tight">
            {phrases.requestId} <code>{problem.requestId}</code>
            <CopyButton text={problem.requestId} label={phrases.copyRequestId} />
          </p>
        )}
      </div>
    </div>
  );
}
