import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { getRetention } from "../../api/rules";
import type { RetentionClass } from "../../api/types";
import { Countdown } from "../../components/moments";
import { Card } from "../../components/Page";
import { Loaded } from "../../components/states";
import { counted } from "../../format/number";
import { useNames } from "../names";

export function NextToExpire() {
  const names = useNames();
  const retention = useQuery({ queryKey: ["retention"], queryFn: getRetention, refetchInterval: 10_000 });
  return (
    <Card title="Next to leave" aside={<Link to="/rules">Retention rules</Link>}>
      <Loaded query={retention} lines={4}>
        {({ classes }) => {
          const next = soonest(classes);
          if (next.length === 0) return <p className="faint">Nothing is kept. What a retention rule keeps is listed here until it leaves.</p>;
          return (
            <ul role="list" className="stack tight">
              {next.map((entry) => (
                <li key={entry.id} className="row between nowrap-row">
                  <span className="stack" style={{ gap: 0 }}>
                    <span>{names.endpoint(entry.endpoint_id)}</span>
                    <span className="faint small">
                      {counted(entry.messages, "message")}
                      {entry.data_types.length > 0 && ` with ${entry.data_types.join(", ")}`}
                    </span>
                  </span>
                  {entry.next_expiry_at && <Countdown to={entry.next_expiry_at} />}
                </li>
              ))}
            </ul>
          );
        }}
      </Loaded>
    </Card>
  );
}

function soonest(classes: RetentionClass[]): RetentionClass[] {
  return classes
    .filter((entry) => entry.next_expiry_at !== undefined && entry.messages > 0)
    .sort((a, b) => (a.next_expiry_at ?? "").localeCompare(b.next_expiry_at ?? ""))
    .slice(0, 5);
}
