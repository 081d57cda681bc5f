import { listChannels } from "../../api/endpoints";
import type { Channel, Endpoint } from "../../api/types";
import { type Column, DataTable } from "../../components/DataTable";
import { ListBody, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { Card } from "../../components/Page";
import { Empty } from "../../components/states";
import { count } from "../../format/number";
import { ConnectionList } from "../flow/ConnectionList";
import { useMay } from "../session";
import { LiveChannels } from "./LiveChannels";
import { Pool } from "./Pool";
import { UpstreamProof } from "./UpstreamProof";

const CHANNELS: Column<Channel>[] = [
  { header: "Channel", primary: true, cell: (row) => <code>{row.name}</code> },
  { header: "Subscribers", align: "right", cell: (row) => <span className="num">{count(row.subscribers)}</span> },
  { header: "Last offset", align: "right", cell: (row) => <span className="num">{count(row.last_offset)}</span> },
  { header: "Since", cell: (row) => <Moment at={row.created_at} /> },
];

export function EndpointLive({ endpoint }: { endpoint: Endpoint }) {
  const may = useMay();
  return (
    <div className="stack wide-gap">
      {endpoint.kind === "relay" && <UpstreamProof endpoint={endpoint} />}
      {endpoint.kind === "relay" ? <Pool endpoint={endpoint} /> : <LiveChannels endpoint={endpoint} />}
      {endpoint.kind === "channel" && <Recorded endpoint={endpoint} />}
      {may("connections:read") && <ConnectionList filter={{ endpoint_id: endpoint.id, state: "open" }} />}
    </div>
  );
}

function Recorded({ endpoint }: { endpoint: Endpoint }) {
  const list = useList(["channels", endpoint.id], (cursor) => listChannels(endpoint.id, { cursor }), { every: 5_000 });
  return (
    <Card title="Recorded channels">
      <ListBody
        list={list}
        empty={
          <Empty icon="message" title="Nothing recorded yet">
            <p>A channel appears here with its first message that a retention rule keeps.</p>
          </Empty>
        }
      >
        {(items) => <DataTable caption="Recorded channels" columns={CHANNELS} rows={items} rowKey={(row) => row.name} />}
      </ListBody>
    </Card>
  );
}
