import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { deleteDataType, listDataTypes } from "../../api/catalogue";
import type { DataType } from "../../api/types";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { Confirm, Dialog } from "../../components/Dialog";
import { ListCard, useList } from "../../components/list";
import { Card, Page } from "../../components/Page";
import { Empty } from "../../components/states";
import { toast } from "../../components/toasts";
import { RowMenu } from "../RowMenu";
import { useMay } from "../session";
import { EditDataType, NewDataType } from "./DataTypeForm";
import { strategyInWords } from "./strategies";
import { SamplePreview } from "./SamplePreview";

export function DataTypes() {
  const may = useMay();
  const cache = useQueryClient();
  const list = useList(["data-types", "list"], (cursor) => listDataTypes({ cursor }));
  const [creating, setCreating] = useState(false);
  const [editing, setEditing] = useState<DataType>();
  const [deleting, setDeleting] = useState<DataType>();
  const refresh = () => void cache.invalidateQueries({ queryKey: ["data-types"] });
  const mayWrite = may("catalogue:write");
  const create = mayWrite && (
    <Button kind="primary" icon="plus" onPress={() => setCreating(true)}>
      New data type
    </Button>
  );
  const columns: Column<DataType>[] = [
    {
      header: "Data type",
      primary: true,
      cell: (row) => (
        <span className="stack" style={{ gap: 0 }}>
          <strong>{row.name}</strong>
          {row.description && <span className="soft small">{row.description}</span>}
        </span>
      ),
    },
    { header: "Short name", cell: (row) => <code>{row.slug}</code> },
    {
      header: "Nature",
      cell: (row) => (row.special_category ? <Badge tone="bad">special: {row.special_category}</Badge> : row.personal ? <Badge tone="warn">personal</Badge> : <Badge>not personal</Badge>),
    },
    { header: "Stands at", cell: (row) => <code className="small">{row.paths.join(", ")}</code> },
    { header: "Before recording", cell: (row) => strategyInWords(row.minimise) },
    ...(mayWrite
      ? [
          {
            header: "Actions",
            actions: true,
            cell: (row: DataType) => (
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
  const closeAll = () => {
    setCreating(false);
    setEditing(undefined);
  };
  return (
    <Page title="Data types" lede="What stands in your messages, and where. Each message is sorted by these as it passes, and what you do not need is taken out before it is recorded." actions={create}>
      <ListCard
        list={list}
        empty={
          <Empty icon="tag" title="The catalogue is empty" action={create}>
            <p>Describe a piece of data once, such as an e-mail address at <code>$.user.email</code>, and every message that holds it is found, minimised and deleted by it.</p>
          </Empty>
        }
      >
        {(items) => <DataTable caption="Data types" columns={columns} rows={items} rowKey={(row) => row.id} />}
      </ListCard>
      {list.items && list.items.length > 0 && (
        <Card title="Try it on a message">
          <SamplePreview />
        </Card>
      )}
      <Dialog title="New data type" isOpen={creating} onClose={closeAll} wide>
        <NewDataType
          onClose={closeAll}
          onDone={() => {
            closeAll();
            refresh();
          }}
        />
      </Dialog>
      <Dialog title={`Edit ${editing?.name ?? ""}`} isOpen={editing !== undefined} onClose={closeAll} wide>
        {editing && (
          <EditDataType
            dataType={editing}
            onClose={closeAll}
            onDone={() => {
              closeAll();
              refresh();
              toast({ title: "Saved." });
            }}
          />
        )}
      </Dialog>
      <Confirm
        title={`Delete ${deleting?.name ?? ""}?`}
        confirmLabel="Delete data type"
        isOpen={deleting !== undefined}
        onClose={() => setDeleting(undefined)}
        act={() => deleteDataType(deleting?.id ?? "")}
        onDone={refresh}
      >
        <p>Messages are no longer sorted by it. Only a data type that no rule refers to can be deleted.</p>
      </Confirm>
    </Page>
  );
}
