import { useQuery } from "@tanstack/react-query";
import type { WebhookAttempt } from "../../api/types";
import { getDelivery } from "../../api/webhooks";
import { type Column, DataTable } from "../../components/DataTable";
import { Dialog } from "../../components/Dialog";
import { Moment } from "../../components/moments";
import { Loaded } from "../../components/states";
import { outcome } from "./words";

const COLUMNS: Column<WebhookAttempt>[] = [
  { header: "Attempt", primary: true, cell: (row) => row.number },
  { header: "When", cell: (row) => <Moment at={row.at} /> },
  { header: "Answer", cell: (row) => outcome(row) },
  { header: "Took", cell: (row) => `${row.duration_ms} ms`, align: "right" },
  { header: "Events sent", cell: (row) => row.sent, align: "right" },
];

/** The attempts at one delivery. */
export function Attempts({ webhook, delivery, onClose }: { webhook: string; delivery: string | undefined; onClose: () => void }) {
  return (
    <Dialog title="Attempts" isOpen={delivery !== undefined} onClose={onClose} wide>
      {delivery && <AttemptTable webhook={webhook} delivery={delivery} />}
    </Dialog>
  );
}

function AttemptTable({ webhook, delivery }: { webhook: string; delivery: string }) {
  const query = useQuery({ queryKey: ["webhooks", webhook, "delivery", delivery], queryFn: () => getDelivery(webhook, delivery), refetchInterval: 3_000 });
  return (
    <Loaded query={query} lines={3}>
      {({ attempt_log: log }) => (log.length === 0 ? <p className="soft">It was not tried yet.</p> : <DataTable caption="Attempts" columns={COLUMNS} rows={log} rowKey={(row) => String(row.number)} />)}
    </Loaded>
  );
}
