import { useQuery } from "@tanstack/react-query";
import { getRetention } from "../../api/rules";
import { Countdown } from "../../components/moments";
import { Card } from "../../components/Page";
import { Loaded } from "../../components/states";
import { durationInWords, isZero } from "../../format/duration";
import { counted } from "../../format/number";
import { useNames } from "../names";

/** What is kept now, class by class: each class is what one rule decides about. */
export function HeldNow() {
  const names = useNames();
  const retention = useQuery({ queryKey: ["retention"], queryFn: getRetention, refetchInterval: 10_000 });
  return (
    <Card title="What is kept now">
      <Loaded query={retention} lines={4}>
        {({ classes }) =>
          classes.length === 0 ? (
            <p className="faint">Nothing. When messages are recorded, they are grouped here by what decides about their end.</p>
          ) : (
            <ul role="list" className="stack tight">
              {classes.map((entry) => (
                <li key={entry.id} className="row between nowrap-row">
                  <span className="stack" style={{ gap: 0 }}>
                    <span>
                      {names.endpoint(entry.endpoint_id)}
                      {entry.purpose_id && <span className="soft"> for {names.purpose(entry.purpose_id)}</span>}
                    </span>
                    <span className="faint small">
                      {counted(entry.messages, "message")}
                      {entry.data_types.length > 0 && ` with ${entry.data_types.join(", ")}`}, {entry.duration && !isZero(entry.duration) ? `kept ${durationInWords(entry.duration)}` : "not kept"}
                    </span>
                  </span>
                  {entry.next_expiry_at && (
                    <span className="stack small" style={{ gap: 0, textAlign: "right" }}>
                      <span className="faint">next leaves</span> <Countdown to={entry.next_expiry_at} />
                    </span>
                  )}
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Card>
  );
}
