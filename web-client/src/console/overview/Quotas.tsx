import type { Usage } from "../../api/types";
import { Meter } from "../../components/Meter";
import { bytes, count } from "../../format/number";

export function Quotas({ usage: { used, quotas } }: { usage: Usage }) {
  return (
    <div className="stack">
      <Meter label="Endpoints" value={used.endpoints} max={quotas.endpoints} words={`${count(used.endpoints)} of ${count(quotas.endpoints)}`} />
      <Meter label="Connections at once" value={used.connections} max={quotas.connections} words={`${count(used.connections)} of ${count(quotas.connections)}`} />
      <Meter label="Messages today" value={used.messages_today} max={quotas.messages_per_day} words={`${count(used.messages_today)} of ${count(quotas.messages_per_day)}`} />
      <Meter label="Kept" value={used.stored_bytes} max={quotas.stored_bytes} words={`${bytes(used.stored_bytes)} of ${bytes(quotas.stored_bytes)}`} />
    </div>
  );
}
