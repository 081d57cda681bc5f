import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { DeliveryState, Webhook, WebhookDelivery } from "../../api/types";
import { listDeliveries, replayDelivery, testWebhook } from "../../api/webhooks";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { SelectInput } from "../../components/choices";
import { type Column, DataTable } from "../../components/DataTable";
import { ListBody, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { Card } from "../../components/Page";
import { Empty } from "../../components/states";
import { toast, toastProblem } from "../../components/toasts";
import { useMay } from "../session";
import { Attempts } from "./Attempts";
import { STATES, counted, outcome } from "./words";

const SHOWN = [{ id: "", label: "All deliveries" }, ...Object.entries(STATES).map(([id, { label }]) => ({ id, label }))];

/** What a webhook was told, newest first; what failed can be sent again. */
export function Deliveries({ webhook }: { webhook: Webhook }) {
  const may = useMay();
  const cache = useQueryClient();
  const [state, setState] = useState("");
  const [shown, setShown] = useState<string>();
  const key = ["webhooks", webhook.id, "deliveries"];
  const list = useList([...key, state], (cursor) => listDeliveries(webhook.id, { cursor, ...(state ? { state: state as DeliveryState } : {}) }), { every: 3_000 });
  const again = () => void cache.invalidateQueries({ queryKey: key });
  const replay = (row: WebhookDelivery) => {
    replayDelivery(webhook.id, row.id)
      .then(() => toast({ title: "It is sent again." }))
      .then(again, toastProblem);
  };
  const test = () => {
    testWebhook(webhook.id)
      .then(() => toast({ title: "A test event is on its way." }))
      .then(again, toastProblem);
  };
  const canSend = may("webhooks:write") && webhook.enabled && webhook.url !== undefined;
  const columns: Column<WebhookDelivery>[] = [
    {
      header: "Events",
      primary: true,
      cell: (row) => (
        <span className="stack" style={{ gap: 0 }}>
          <span>{counted(row.counts)}</span>
          <code className="faint small">{row.id}</code>
        </span>
      ),
    },
    { header: "State", cell: (row) => <Badge tone={STATES[row.state].tone}>{STATES[row.state].label}</Badge> },
    { header: "Last answer", cell: (row) => (row.attempts === 0 ? "–" : outcome(row)) },
    { header: "Next attempt", cell: (row) => <Moment at={row.next_at} /> },
    { header: "Made", cell: (row) => <Moment at={row.created_at} /> },
    {
      header: "Actions",
      actions: true,
      cell: (row) => (
        <span className="row tight">
          <Button size="small" kind="quiet" onPress={() => setShown(row.id)}>
            Attempts
          </Button>
          {canSend && (
            <Button size="small" onPress={() => replay(row)}>
              {row.state === "pending" ? "Send now" : "Send again"}
            </Button>
          )}
        </span>
      ),
    },
  ];
  return (
    <Card
      title="Deliveries"
      aside={
        <span className="row tight">
          <SelectInput name="state" label="Show" hideLabel choices={SHOWN} value={state} onChange={setState} />
          {canSend && (
            <Button size="small" onPress={test}>
              Send a test
            </Button>
          )}
        </span>
      }
    >
      <p className="soft small">What events were about is never shown here. They can be sent again for three days; the log stays for 30.</p>
      <ListBody
        list={list}
        empty={
          <Empty icon="hook" title="Nothing yet">
            <p>As soon as something happens that this webhook wants to hear of, it is listed here.</p>
          </Empty>
        }
      >
        {(items) => <DataTable caption="Deliveries" columns={columns} rows={items} rowKey={(row) => row.id} />}
      </ListBody>
      <Attempts webhook={webhook.id} delivery={shown} onClose={() => setShown(undefined)} />
    </Card>
  );
}
