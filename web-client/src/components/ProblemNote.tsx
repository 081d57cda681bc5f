import { type Problem, sentence } from "../api/problem";
import { CopyButton } from "./Copy";
import { Icon } from "./Icon";

/** A problem in words, with the request id that support can look up. `fields` are the errors no form field shows. */
export function ProblemNote({ problem, fields = problem.fields }: { problem: Problem; fields?: Problem["fields"] }) {
  return (
    <div className="notice bad" role="alert">
      <Icon name="warning" />
      <div className="body stack tight">
        <div>
          <strong>{problem.message}</strong>
          {problem.detail && problem.detail !== problem.message && <p>{sentence(problem.detail)}</p>}
        </div>
        {fields.length > 0 && (
          <ul role="list">
            {fields.map((entry, index) => (
              <li key={index}>
                <code>{entry.field}</code> {sentence(entry.detail ?? entry.code)}
              </li>
            ))}
          </ul>
        )}
        {problem.retryAfter !== undefined && <p>Try again in {problem.retryAfter} s.</p>}
        {problem.requestId && (
          <p className="small soft row tight">
            Request id <code>{problem.requestId}</code>
            <CopyButton text={problem.requestId} what="request id" />
          </p>
        )}
      </div>
    </div>
  );
}
