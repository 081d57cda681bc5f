import { useQueryClient } from "@tanstack/react-query";
import { disconnect, listConnections } from "../../api/subjects";
import type { Connection } from "../../api/types";
import { useAction } from "../../components/action";
import { Badge, type Tone } from "../../components/Badge";
import { Button } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { ListCard, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { Empty } from "../../components/states";
import { bytes, count } from "../../format/number";
import { type Names, useNames } from "../names";
import { useMay } from "../session";
import { SubjectName } from "../SubjectName";

export interface ConnectionFilter {
  endpoint_id?: string | undefined;
  subject_id?: string | undefined;
  state?: "open" | "closed" | undefined;
}

const TONES: Record<string, Tone> = { opened: "accent", authenticated: "good", idle: "plain", draining: "warn", closed: "plain" };

/** Connections, read again every two seconds while they are on screen. */
export function ConnectionList({ filter }: { filter: ConnectionFilter }) {
  const may = useMay();
  const names = useNames();
  const list = useList(["connections", filter], (cursor) => listConnections({ ...filter, cursor }), { every: 2_000 });
  return (
    <ListCard
      list={list}
      empty={
        <Empty icon="connection" title={filter.state === "closed" ? "No closed connections" : "Nobody is connected"}>
          <p>Each socket appears here the moment it opens, with the person it speaks for, what it carried, and why it closed.</p>
        </Empty>
      }
    >
      {(items) => <DataTable caption="Connections" columns={columns(names, may("connections:write"))} rows={items} rowKey={(row) => row.id} />}
    </ListCard>
  );
}

function columns(names: Names, mayClose: boolean): Column<Connection>[] {
  return [
    { header: "Person", primary: true, cell: (row) => <SubjectName id={row.subject_id} /> },
    { header: "Endpoint", cell: (row) => names.endpoint(row.endpoint_id) },
    { header: "State", cell: (row) => <State connection={row} /> },
    { header: "Opened", cell: (row) => <Moment at={row.opened_at} /> },
    { header: "Active", cell: (row) => <Moment at={row.last_activity_at} /> },
    {
      header: "In, out",
      align: "right",
      cell: (row) => (
        <span className="num nowrap" title={`${bytes(row.bytes_in)} in, ${bytes(row.bytes_out)} out`}>
          {count(row.messages_in)}, {count(row.messages_out)}
        </span>
      ),
    },
    ...(mayClose ? [{ header: "Actions", actions: true, cell: (row: Connection) => row.state !== "closed" && <Disconnect connection={row} /> }] : []),
  ];
}

function State({ connection }: { connection: Connection }) {
  if (connection.state !== "closed") return <Badge tone={TONES[connection.state] ?? "plain"}>{connection.state}</Badge>;
  return (
    <span className="small soft">
      closed{connection.close_code !== undefined && ` with ${connection.close_code}`}
      {connection.close_reason && `: ${connection.close_reason}`}
    </span>
  );
}

function Disconnect({ connection }: { connection: Connection }) {
  const cache = useQueryClient();
  const close = useAction(async () => {
    await disconnect(connection.id);
    await cache.invalidateQueries({ queryKey: ["connections"] });
  }, "Disconnected.");
  return (
    <Button size="small" kind="quiet bad" onPress={() => close.run()} isPending={close.busy}>
      Disconnect
    </Button>
  );
}

