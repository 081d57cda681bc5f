import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { deletePurpose, listPurposes } from "../../api/catalogue";
import type { Purpose } from "../../api/types";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { Confirm, Dialog } from "../../components/Dialog";
import { ListCard, useList } from "../../components/list";
import { Page } from "../../components/Page";
import { Empty } from "../../components/states";
import { toast } from "../../components/toasts";
import { RowMenu } from "../RowMenu";
import { useMay } from "../session";
import { basisInWords } from "./bases";
import { EditPurpose, NewPurpose } from "./PurposeForm";

export function Purposes() {
  const may = useMay();
  const cache = useQueryClient();
  const list = useList(["purposes", "list"], (cursor) => listPurposes({ cursor }));
  const [creating, setCreating] = useState(false);
  const [editing, setEditing] = useState<Purpose>();
  const [deleting, setDeleting] = useState<Purpose>();
  const refresh = () => void cache.invalidateQueries({ queryKey: ["purposes"] });
  const mayWrite = may("catalogue:write");
  const create = mayWrite && (
    <Button kind="primary" icon="plus" onPress={() => setCreating(true)}>
      New purpose
    </Button>
  );
  const columns: Column<Purpose>[] = [
    {
      header: "Purpose",
      primary: true,
      cell: (row) => (
        <span className="stack" style={{ gap: 0 }}>
          <strong>{row.name}</strong>
          {row.description && <span className="soft small">{row.description}</span>}
        </span>
      ),
    },
    { header: "Short name", cell: (row) => <code>{row.slug}</code> },
    { header: "Lawful basis", cell: (row) => basisInWords(row.lawful_basis) },
    { header: "Consent", cell: (row) => (row.requires_consent ? <Badge tone="accent">waits for consent</Badge> : <span className="faint">not needed</span>) },
    ...(mayWrite
      ? [
          {
            header: "Actions",
            actions: true,
            cell: (row: Purpose) => (
              <RowMenu
                of={row.name}
                actions={[
                  { label: "Edit", run: () => setEditing(row) },
                  { label: "Delete…", run: () => setDeleting(row), bad: true },
                ]}
              />
            ),
          },
        ]
      : []),
  ];
  return (
    <Page title="Purposes" lede="Why data passes. Each purpose names its lawful basis; one that waits for consent opens its endpoints only to people who gave it." actions={create}>
      <ListCard
        list={list}
        empty={
          <Empty icon="purpose" title="No purpose yet" action={create}>
            <p>Name what your messages are for, such as “Support chat” or “Live location”. People see these words on their privacy page.</p>
          </Empty>
        }
      >
        {(items) => <DataTable caption="Purposes" columns={columns} rows={items} rowKey={(row) => row.id} />}
      </ListCard>
      <Dialog title="New purpose" isOpen={creating} onClose={() => setCreating(false)}>
        <NewPurpose
          onClose={() => setCreating(false)}
          onDone={() => {
            setCreating(false);
            refresh();
          }}
        />
      </Dialog>
      <Dialog title={`Edit ${editing?.name ?? ""}`} isOpen={editing !== undefined} onClose={() => setEditing(undefined)}>
        {editing && (
          <EditPurpose
            purpose={editing}
            onClose={() => setEditing(undefined)}
            onDone={() => {
              setEditing(undefined);
              refresh();
              toast({ title: "Saved." });
            }}
          />
        )}
      </Dialog>
      <Confirm
        title={`Delete ${deleting?.name ?? ""}?`}
        confirmLabel="Delete purpose"
        isOpen={deleting !== undefined}
        onClose={() => setDeleting(undefined)}
        act={() => deletePurpose(deleting?.id ?? "")}
        onDone={refresh}
      >
        <p>Only a purpose that nothing refers to can be deleted. What was consented to stays in the record.</p>
      </Confirm>
    </Page>
  );
}
