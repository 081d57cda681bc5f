import { useDeferredValue, useState } from "react";
import { listChannelMembers, listLiveChannels } from "../../api/endpoints";
import type { Endpoint, LiveChannel } from "../../api/types";
import { Button } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { Dialog } from "../../components/Dialog";
import { TextInput } from "../../components/fields";
import { ListBody, useList } from "../../components/list";
import { Card } from "../../components/Page";
import { Empty } from "../../components/states";
import { count } from "../../format/number";
import { useMay } from "../session";

/** The channels that somebody is on now, read again every few seconds, and who is on those that know their members. */
export function LiveChannels({ endpoint }: { endpoint: Endpoint }) {
  const may = useMay();
  const [prefix, setPrefix] = useState("");
  const [opened, setOpened] = useState<string>();
  const wanted = useDeferredValue(prefix.trim());
  const list = useList(["live-channels", endpoint.id, wanted], (cursor) => listLiveChannels(endpoint.id, { cursor, ...(wanted && { prefix: wanted }) }), { every: 3_000 });
  return (
    <Card title="Who is here now">
      <div className="toolbar">
        <TextInput name="prefix" label="Channels that begin with" code value={prefix} onChange={setPrefix} placeholder="presence-" />
      </div>
      <ListBody
        list={list}
        empty={
          <Empty icon="message" title={wanted ? "Nobody is on a channel of this name" : "Nobody is on a channel"}>
            <p>{wanted ? <>No live channel begins with <code>{wanted}</code>.</> : "A channel appears with its first subscriber and goes with its last."}</p>
          </Empty>
        }
      >
        {(items) => <DataTable caption="Live channels" columns={columns(may("connections:read") ? setOpened : undefined)} rows={items} rowKey={(row) => row.name} />}
      </ListBody>
      <Dialog title={`Members of ${opened ?? ""}`} isOpen={opened !== undefined} onClose={() => setOpened(undefined)}>
        {opened !== undefined && <Members endpoint={endpoint} channel={opened} />}
      </Dialog>
    </Card>
  );
}

function columns(open: ((channel: string) => void) | undefined): Column<LiveChannel>[] {
  return [
    { header: "Channel", primary: true, cell: (row) => <code>{row.name}</code> },
    { header: "Subscribers", align: "right", cell: (row) => <span className="num">{count(row.subscribers)}</span> },
    { header: "Members", align: "right", cell: (row) => (row.members === undefined ? <span className="faint">not a presence channel</span> : <span className="num">{count(row.members)}</span>) },
    ...(open
      ? [
          {
            header: "Actions",
            actions: true,
            cell: (row: LiveChannel) =>
              row.members !== undefined && (
                <Button size="small" kind="quiet" aria-label={`Show members of ${row.name}`} onPress={() => open(row.name)}>
                  Show members
                </Button>
              ),
          },
        ]
      : []),
  ];
}

function Members({ endpoint, channel }: { endpoint: Endpoint; channel: string }) {
  const list = useList(["live-channels", endpoint.id, "members", channel], (cursor) => listChannelMembers(endpoint.id, channel, { cursor }), { every: 3_000 });
  return (
    <ListBody
      list={list}
      empty={
        <Empty icon="connection" title="Everybody has left">
          <p>Members appear here by the id that you signed for them.</p>
        </Empty>
      }
    >
      {(items) => <DataTable caption={`Members of ${channel}`} columns={MEMBER} rows={items} rowKey={(row) => row.user_id} />}
    </ListBody>
  );
}

const MEMBER: Column<{ user_id: string }>[] = [{ header: "Your id of the person", primary: true, cell: (row) => <code>{row.user_id}</code> }];
