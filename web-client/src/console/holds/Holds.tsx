import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { listHolds, liftHold, reviewHold } from "../../api/holds";
import type { Hold } from "../../api/types";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { Confirm, Dialog } from "../../components/Dialog";
import { ListCard, useList } from "../../components/list";
import { Moment, useNow } from "../../components/moments";
import { Page } from "../../components/Page";
import { Empty } from "../../components/states";
import { toast, toastProblem } from "../../components/toasts";
import { useNames } from "../names";
import { RowMenu } from "../RowMenu";
import { useMay } from "../session";
import { HoldDetails } from "./HoldDetails";
import { coverageOf, standing } from "./holdWords";
import { NewHold } from "./NewHold";

type Open = { what: "new" } | { what: "lift" | "details"; hold: Hold };

export function Holds() {
  const may = useMay();
  const names = useNames();
  const now = useNow();
  const cache = useQueryClient();
  const [open, setOpen] = useState<Open>();
  const list = useList(["holds", "list"], (cursor) => listHolds({ cursor }));
  const refresh = () => void cache.invalidateQueries({ queryKey: ["holds"] });
  const close = () => setOpen(undefined);

  const review = async (hold: Hold) => {
    try {
      await reviewHold(hold.id);
      toast({ title: "Reviewed. You will be reminded again." });
    } catch (error) {
      toastProblem(error);
    }
    refresh();
  };

  const mayWrite = may("holds:write");
  const create = mayWrite && (
    <Button kind="primary" icon="plus" onPress={() => setOpen({ what: "new" })}>
      New hold
    </Button>
  );
  const columns: Column<Hold>[] = [
    {
      header: "Hold",
      primary: true,
      cell: (row) => (
        <span className="stack" style={{ gap: 0 }}>
          <strong>{row.name}</strong>
          <span className="faint small">{coverageOf(row, names)}</span>
        </span>
      ),
    },
    { header: "Authority", cell: (row) => row.authority ?? <span className="faint">–</span> },
    {
      header: "State",
      cell: (row) => {
        const { tone, label } = standing(row, now);
        return <Badge tone={tone}>{label}</Badge>;
      },
    },
    { header: "Placed", cell: (row) => <Moment at={row.created_at} /> },
    { header: "Next review", cell: (row) => <Moment at={row.state === "active" ? row.next_review_at : undefined} /> },
    {
      header: "Actions",
      actions: true,
      cell: (row) => (
        <RowMenu
          of={row.name}
          actions={[
            { label: "What it keeps", run: () => setOpen({ what: "details", hold: row }) },
            ...(mayWrite && row.state === "active"
              ? [
                  { label: "Note a review", run: () => void review(row) },
                  { label: "Lift…", run: () => setOpen({ what: "lift", hold: row }), bad: true },
                ]
              : []),
          ]}
        />
      ),
    },
  ];

  return (
    <Page title="Legal holds" lede="What a hold covers is kept, whatever rules and erasures say, and is read through the hold only: on every other path it is gone when its rule says." actions={create}>
      <ListCard
        list={list}
        empty={
          <Empty icon="lock" title="Nothing is held" action={create}>
            <p>When a court, an authority or a dispute asks for evidence to be kept, place a hold on it. Everything else still goes in time.</p>
          </Empty>
        }
      >
        {(items) => <DataTable caption="Legal holds" columns={columns} rows={items} rowKey={(row) => row.id} />}
      </ListCard>
      <Dialog title="New legal hold" isOpen={open?.what === "new"} onClose={close} wide>
        <NewHold
          onClose={close}
          onDone={() => {
            close();
            refresh();
          }}
        />
      </Dialog>
      <Dialog title="What this hold keeps" isOpen={open?.what === "details"} onClose={close}>
        {open?.what === "details" && <HoldDetails id={open.hold.id} />}
      </Dialog>
      <Confirm
        title="Lift this hold?"
        confirmLabel="Lift hold"
        isOpen={open?.what === "lift"}
        onClose={close}
        {...(open?.what === "lift" ? { typed: open.hold.name } : {})}
        act={async () => {
          if (open?.what === "lift") await liftHold(open.hold.id, open.hold.version, open.hold.name, "");
        }}
        onDone={refresh}
      >
        <p>What it keeps and would be gone without it is destroyed: its key at once, its rows right after. That cannot be undone. What another hold covers stays with that one.</p>
      </Confirm>
    </Page>
  );
}
