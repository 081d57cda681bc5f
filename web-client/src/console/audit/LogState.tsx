import { useQuery } from "@tanstack/react-query";
import { getLog } from "../../api/audit";
import { CodeBlock, CopyField } from "../../components/Copy";
import { Card } from "../../components/Page";
import { Loaded } from "../../components/states";
import { count } from "../../format/number";

/** The log's signed head, and how somebody who trusts nobody checks a receipt against it. */
export function LogState() {
  const log = useQuery({ queryKey: ["log"], queryFn: getLog, refetchInterval: 30_000 });
  return (
    <Card title="The log as a whole">
      <Loaded query={log} lines={3}>
        {(data) => (
          <>
            <dl className="facts">
              <dt>Entries</dt>
              <dd className="num">{count(data.size)}</dd>
              <dt>Root</dt>
              <dd>
                <CopyField text={data.root} what="root hash" />
              </dd>
              <dt>Verifier key</dt>
              <dd>
                <CopyField text={data.verifier_key} what="verifier key" />
              </dd>
            </dl>
            <details>
              <summary>How to check a receipt</summary>
              <div className="stack">
                <p className="soft prose">
                  Download a receipt below, and keep the verifier key somewhere of your own. The check needs neither this server nor its store: it proves that the entry stands in the log whose head was signed with that key. A single changed bit fails.
                </p>
                <CodeBlock code={`weir verify --key '${data.verifier_key}' receipt.txt`} what="command" />
                <p className="soft prose">The log follows open formats (signed notes, checkpoints and tiles), so tools that are not ours read it too. Its present checkpoint:</p>
                <CodeBlock code={data.checkpoint} what="checkpoint" />
              </div>
            </details>
          </>
        )}
      </Loaded>
    </Card>
  );
}
