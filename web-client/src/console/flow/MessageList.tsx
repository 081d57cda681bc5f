import { useState } from "react";
import type { MessageQuery } from "../../api/subjects";
import type { Message, Page } from "../../api/types";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { ListCard, useList } from "../../components/list";
import { Countdown, Moment } from "../../components/moments";
import { Empty } from "../../components/states";
import { bytes } from "../../format/number";
import { type Names, useNames } from "../names";
import { useMay } from "../session";
import { SubjectName } from "../SubjectName";
import { Unseal } from "./Unseal";

export function MessageList({ query, fetch }: { query: MessageQuery; fetch: (query: MessageQuery) => Promise<Page<Message>> }) {
  const may = useMay();
  const names = useNames();
  const [opening, setOpening] = useState<Message>();
  const list = useList(["messages", query], (cursor) => fetch({ ...query, ...(cursor ? { cursor } : {}) }));
  return (
    <>
      <ListCard
        list={list}
        empty={
          <Empty icon="message" title="No messages are kept">
            <p>{Object.keys(query).length > 0 ? "Nothing matches these filters, or it has already left." : "What your endpoints record is listed here until its retention rule lets it go. Without a rule, nothing is recorded."}</p>
          </Empty>
        }
      >
        {(items) => <DataTable caption="Messages" columns={columns(names, may("messages:unseal"), setOpening)} rows={items} rowKey={(row) => row.id} />}
      </ListCard>
      <Unseal message={opening} onClose={() => setOpening(undefined)} />
    </>
  );
}

function columns(names: Names, mayUnseal: boolean, open: (message: Message) => void): Column<Message>[] {
  return [
    {
      header: "Message",
      primary: true,
      cell: (row) => (
        <span className="stack" style={{ gap: 0 }}>
          <span>
            {names.endpoint(row.endpoint_id)} <span className="faint">{row.channel}</span>
          </span>
          <span className="faint small num">
            {row.direction === "inbound" ? "in" : "out"}, no. {row.offset}, {bytes(row.size)}
          </span>
        </span>
      ),
    },
    { header: "Person", cell: (row) => <SubjectName id={row.subject_id} /> },
    {
      header: "Contains",
      cell: (row) =>
        row.data_types.length === 0 ? (
          <span className="faint">nothing catalogued</span>
        ) : (
          <span className="row tight">
            {row.data_types.map((slug) => (
              <Badge key={slug}>{slug}</Badge>
            ))}
          </span>
        ),
    },
    { header: "Recorded", cell: (row) => <Moment at={row.created_at} /> },
    { header: "Leaves in", cell: (row) => (row.expires_at ? <Countdown to={row.expires_at} /> : <span className="faint">–</span>) },
    ...(mayUnseal
      ? [
          {
            header: "Actions",
            actions: true,
            cell: (row: Message) =>
              row.unreadable ? (
                <Badge tone="warn">key destroyed</Badge>
              ) : (
                <Button size="small" kind="quiet" icon="lock" onPress={() => open(row)}>
                  Unseal…
                </Button>
              ),
          },
        ]
      : []),
  ];
}
