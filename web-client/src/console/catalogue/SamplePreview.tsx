import { useState } from "react";
import { previewDataTypes } from "../../api/catalogue";
import { type Problem, Problem as ProblemError, asProblem } from "../../api/problem";
import type { DataTypeIn, Preview } from "../../api/types";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { LongText } from "../../components/fields";
import { ProblemNote } from "../../components/ProblemNote";

const SAMPLE = `{
  "user": {
    "email": "kim@example.com",
    "phone": "+49 30 1234567"
  },
  "text": "Where is my parcel?"
}`;

/** Shows what a message looks like after the catalogue, or a draft, has gone over it. Nothing is stored. */
export function SamplePreview({ draft }: { draft?: DataTypeIn }) {
  const [sample, setSample] = useState(SAMPLE);
  const [result, setResult] = useState<Preview>();
  const [problem, setProblem] = useState<Problem>();
  const [busy, setBusy] = useState(false);

  // Not a form of its own: it also stands inside one.
  const preview = async () => {
    setBusy(true);
    setProblem(undefined);
    setResult(undefined);
    try {
      const data = parse(sample);
      setResult(await previewDataTypes(draft ? { data, data_types: [draft] } : { data }));
    } catch (error) {
      setProblem(asProblem(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <div className="grid-2">
      <div className="stack tight">
        <LongText name="#sample" label="A sample message" value={sample} onChange={setSample} code rows={8} />
        <div>
          <Button size="small" onPress={preview} isPending={busy}>
            Show what would be recorded
          </Button>
        </div>
      </div>
      <div className="stack tight" aria-live="polite">
        {problem && <ProblemNote problem={problem} />}
        {result && (
          <>
            <span className="label">What would be recorded</span>
            <pre className="payload">{JSON.stringify(result.data, null, 2)}</pre>
            {result.found.length === 0 ? (
              <p className="faint">Nothing of the catalogue was found in it.</p>
            ) : (
              <ul role="list" className="stack tight">
                {result.found.map(({ data_type, path }, index) => (
                  <li key={index} className="row tight">
                    <Badge tone="accent">{data_type}</Badge> <code className="small">{path}</code>
                  </li>
                ))}
              </ul>
            )}
          </>
        )}
      </div>
    </div>
  );
}

function parse(sample: string): unknown {
  try {
    return JSON.parse(sample);
  } catch (error) {
    throw new ProblemError({ status: 0, code: "not_json", title: "The sample is not JSON", detail: error instanceof Error ? error.message : undefined });
  }
}
