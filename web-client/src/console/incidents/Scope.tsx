import type { Incident } from "../../api/types";
import { Button } from "../../components/Button";
import { Notice } from "../../components/Notice";
import { Card } from "../../components/Page";
import { count } from "../../format/number";
import { fullTime } from "../../format/time";
import { useNames } from "../names";
import { useMay } from "../session";
import { useCount } from "./count";
import { scopingInWords } from "./words";

export function Scope({ incident }: { incident: Incident }) {
  const may = useMay();
  const names = useNames();
  const { run, busy } = useCount(incident);
  const { scope, scoping } = incident;
  return (
    <Card
      title="Whom it touched"
      aside={
        may("incidents:write") &&
        incident.state !== "closed" && (
          <Button onPress={() => void run()} isPending={busy || scoping !== undefined}>
            {scope ? "Count again" : "Count"}
          </Button>
        )
      }
    >
      {scoping && <Notice tone="info">{scopingInWords(scoping)}</Notice>}
      {incident.scope_is_stale && !scoping && (
        <Notice tone="warn">What got out, when or where was changed since this was counted. It is left out of the form for the authority, and nobody is mailed by it: count again.</Notice>
      )}
      {scope ? (
        <>
          <dl className="facts">
            <dt>Persons</dt>
            <dd className="num">{count(scope.subjects)}</dd>
            <dt>of whom nobody can read anything</dt>
            <dd className="num">{count(scope.unintelligible_subjects)}</dd>
            <dt>Messages</dt>
            <dd className="num">{count(scope.records + scope.unattributed_records)}</dd>
            <dt>that nobody can read</dt>
            <dd className="num">{count(scope.unintelligible_records)}</dd>
            <dt>Connections</dt>
            <dd className="num">{count(scope.connections)}</dd>
          </dl>
          <ul>
            {scope.categories.map((category) => (
              <li key={[category.endpoint_id, category.purpose_id, ...category.data_types].join()}>
                {names.endpoint(category.endpoint_id)}: {category.data_types.join(", ") || "nothing of the catalogue"}, {count(category.records)} messages about {count(category.subjects)} persons
              </li>
            ))}
          </ul>
          {incident.scoped_at && <p className="faint small">Counted {fullTime(incident.scoped_at)}.</p>}
        </>
      ) : (
        !scoping && <p className="soft">Not known yet. It is counted from what is recorded.</p>
      )}
    </Card>
  );
}
