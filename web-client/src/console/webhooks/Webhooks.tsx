import { useState } from "react";
import { Link } from "react-router";
import type { Webhook } from "../../api/types";
import { listWebhooks } from "../../api/webhooks";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { ListCard, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { Page } from "../../components/Page";
import { Empty } from "../../components/states";
import { useNames } from "../names";
import { useMay } from "../session";
import { NewWebhook } from "./NewWebhook";
import { standing } from "./words";

export function Webhooks() {
  const may = useMay();
  const names = useNames();
  const [creating, setCreating] = useState(false);
  const list = useList(["webhooks", "list"], (cursor) => listWebhooks({ cursor }));
  const columns: Column<Webhook>[] = [
    {
      header: "Webhook",
      primary: true,
      cell: (row) => (
        <span className="stack" style={{ gap: 0 }}>
          <Link to={`/webhooks/${row.id}`} className="row-link">
            {row.description ?? row.url ?? "Kept to be read"}
          </Link>
          {row.description && row.url && <code className="faint small">{row.url}</code>}
        </span>
      ),
    },
    { header: "Endpoint", cell: (row) => names.endpoint(row.endpoint_id) },
    { header: "Events", cell: (row) => <span title={row.events.join(", ")}>{row.events.length <= 2 ? row.events.join(", ") : `${row.events.length} kinds`}</span> },
    {
      header: "State",
      cell: (row) => {
        const { tone, label } = standing(row);
        return <Badge tone={tone}>{label}</Badge>;
      },
    },
    { header: "Created", cell: (row) => <Moment at={row.created_at} /> },
  ];
  const create = may("webhooks:write") && (
    <Button kind="primary" icon="plus" onPress={() => setCreating(true)}>
      New webhook
    </Button>
  );
  return (
    <Page title="Webhooks" lede="Your back end is told what happens: who connects and goes, which channels are occupied, what clients publish. Signed, tried again for a day, and never with what was erased meanwhile." actions={create}>
      <ListCard
        list={list}
        empty={
          <Empty icon="hook" title="No webhook yet" action={create}>
            <p>Give the address of a receiver and choose what it is told. A test event shows whether it arrives.</p>
          </Empty>
        }
      >
        {(items) => <DataTable caption="Webhooks" columns={columns} rows={items} rowKey={(row) => row.id} />}
      </ListCard>
      <NewWebhook isOpen={creating} onClose={() => setCreating(false)} />
    </Page>
  );
}
