import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { addWitness, listWitnesses, removeWitness } from "../../api/audit";
import type { LogWitness } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { Confirm, Dialog } from "../../components/Dialog";
import { TextInput } from "../../components/fields";
import { ListBody, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { Card } from "../../components/Page";
import { Empty } from "../../components/states";
import { count } from "../../format/number";
import { useMay } from "../session";
import { FAILURES } from "./words";

/** Who vouches from outside that the log only grew. */
export function Witnesses() {
  const cache = useQueryClient();
  const may = useMay();
  const list = useList(["log", "witnesses"], (cursor) => listWitnesses(cursor ? { cursor } : {}), { every: 10_000 });
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<LogWitness>();
  const refresh = () => void cache.invalidateQueries({ queryKey: ["log", "witnesses"] });
  const add = may("tenant:write") && (
    <Button size="small" icon="plus" onPress={() => setAdding(true)}>
      Add a witness
    </Button>
  );
  const columns: Column<LogWitness>[] = [
    {
      header: "Witness",
      primary: true,
      cell: (row) => (
        <span className="stack" style={{ gap: 0 }}>
          <strong>{row.verifier_key.split("+")[0]}</strong>
          <code className="faint small">{row.url}</code>
        </span>
      ),
    },
    { header: "State", cell: (row) => <State witness={row} /> },
    { header: "Entries covered", align: "right", cell: (row) => <span className="num">{count(row.cosigned_size)}</span> },
    { header: "Last cosigned", cell: (row) => (row.cosigned_at ? <Moment at={row.cosigned_at} /> : <span className="faint">never</span>) },
    {
      header: "Actions",
      actions: true,
      cell: (row) =>
        may("tenant:write") && (
          <Button size="small" kind="quiet bad" onPress={() => setRemoving(row)}>
            Remove…
          </Button>
        ),
    },
  ];
  return (
    <Card title="Witnesses" aside={add}>
      <p className="soft prose">Each one cosigns the log as long as it only grew. Whoever asks for a witness’s word cannot be shown another log than everybody else.</p>
      <ListBody
        list={list}
        empty={
          <Empty icon="audit" title="No witness yet">
            <p>Anybody who runs a witness of the open protocol can be one; “weir witness” is such a program.</p>
          </Empty>
        }
      >
        {(items) => <DataTable caption="Witnesses" columns={columns} rows={items} rowKey={(row) => row.id} />}
      </ListBody>
      <Dialog title="Add a witness" isOpen={adding} onClose={() => setAdding(false)}>
        <AddWitness
          onClose={() => setAdding(false)}
          onDone={() => {
            setAdding(false);
            refresh();
          }}
        />
      </Dialog>
      <Confirm title="Remove this witness?" confirmLabel="Remove witness" isOpen={removing !== undefined} onClose={() => setRemoving(undefined)} act={() => removeWitness(removing?.id ?? "")} onDone={refresh}>
        <p>It is not asked any more. What it has cosigned stays cosigned.</p>
      </Confirm>
    </Card>
  );
}

function State({ witness }: { witness: LogWitness }) {
  if (witness.failure) {
    const { label, hint, tone } = FAILURES[witness.failure];
    return (
      <span title={hint}>
        <Badge tone={tone}>{label}</Badge>
      </span>
    );
  }
  return witness.cosigned_at ? <Badge tone="good">vouches</Badge> : <Badge>not asked yet</Badge>;
}

function AddWitness({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [key, setKey] = useState("");
  const [url, setUrl] = useState("");
  return (
    <ApiForm submitLabel="Add witness" beside={<Button onPress={onClose}>Cancel</Button>} submit={() => addWitness({ verifier_key: key, url })} onDone={onDone}>
      <p className="soft">Give the witness this log’s verifier key first, or it will not know the log.</p>
      <TextInput name="/verifier_key" label="Verifier key" value={key} onChange={setKey} required code autoFocus hint="As the witness publishes it: name+hash+key." />
      <TextInput name="/url" label="Address" type="url" value={url} onChange={setUrl} required code placeholder="https://witness.example.org" />
    </ApiForm>
  );
}
