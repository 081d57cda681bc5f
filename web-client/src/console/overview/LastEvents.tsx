import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { listAuditEvents } from "../../api/audit";
import { Moment } from "../../components/moments";
import { Card } from "../../components/Page";
import { Loaded } from "../../components/states";
import { useActorNames } from "../actors";
import { kindInWords } from "../audit/words";

export function LastEvents() {
  const actorName = useActorNames();
  const events = useQuery({ queryKey: ["audit-events", "last"], queryFn: () => listAuditEvents({ limit: 6 }), refetchInterval: 10_000 });
  return (
    <Card title="Last in the audit log" aside={<Link to="/audit">Audit log</Link>}>
      <Loaded query={events} lines={4}>
        {({ items }) =>
          items.length === 0 ? (
            <p className="faint">Every act that matters will be listed here, with a proof.</p>
          ) : (
            <ul role="list" className="stack tight">
              {items.map((event) => (
                <li key={event.id} className="row between nowrap-row">
                  <span>
                    {kindInWords(event.kind)} <span className="faint small">by {actorName(event.actor)}</span>
                  </span>
                  <span className="faint small">
                    <Moment at={event.at} />
                  </span>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Card>
  );
}
