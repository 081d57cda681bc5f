import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { changeRule, deleteRule, listRules } from "../../api/rules";
import type { Rule } from "../../api/types";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { Confirm, Dialog } from "../../components/Dialog";
import { ListCard, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { Page } from "../../components/Page";
import { Empty } from "../../components/states";
import { toast, toastProblem } from "../../components/toasts";
import { useNames } from "../names";
import { RowMenu } from "../RowMenu";
import { useMay } from "../session";
import { Explain } from "./Explain";
import { HeldNow } from "./HeldNow";
import { EditRule, NewRule } from "./RuleForm";
import { RuleHistory } from "./RuleHistory";
import { sentenceOf } from "./ruleWords";
import { WaitingChanges } from "./WaitingChanges";
import { tellWait } from "./waits";

type Open = { what: "new" } | { what: "edit" | "history" | "pause" | "delete"; rule: Rule };

export function Rules() {
  const may = useMay();
  const names = useNames();
  const cache = useQueryClient();
  const [search, setSearch] = useSearchParams();
  const [open, setOpen] = useState<Open | undefined>(search.has("new") ? { what: "new" } : undefined);
  const list = useList(["rules", "list"], (cursor) => listRules({ cursor }));
  const refresh = () => {
    for (const key of ["rules", "retention", "messages"]) void cache.invalidateQueries({ queryKey: [key] });
  };
  const close = () => {
    setOpen(undefined);
    if (search.has("new")) setSearch({}, { replace: true });
  };

  const resume = async (rule: Rule) => {
    try {
      await changeRule(rule.id, rule.version, { enabled: true });
      toast({ title: "The rule applies again." });
    } catch (error) {
      toastProblem(error);
    }
    refresh();
  };

  const mayWrite = may("rules:write");
  const create = mayWrite && (
    <Button kind="primary" icon="plus" onPress={() => setOpen({ what: "new" })}>
      New rule
    </Button>
  );
  const columns: Column<Rule>[] = [
    {
      header: "Rule",
      primary: true,
      cell: (row) => (
        <span className="stack" style={{ gap: 0 }}>
          <strong>{sentenceOf(row, names)}</strong>
          <span className="faint small">{row.name}</span>
        </span>
      ),
    },
    { header: "State", cell: (row) => (row.enabled ? <Badge tone="good">applies</Badge> : <Badge tone="warn">paused</Badge>) },
    { header: "Version", align: "right", cell: (row) => <span className="num">{row.version}</span> },
    { header: "Changed", cell: (row) => <Moment at={row.updated_at} /> },
    {
      header: "Actions",
      actions: true,
      cell: (row) => (
        <RowMenu
          of={row.name}
          actions={[
            ...(mayWrite
              ? [
                  { label: "Edit", run: () => setOpen({ what: "edit", rule: row }) },
                  row.enabled ? { label: "Pause…", run: () => setOpen({ what: "pause", rule: row }) } : { label: "Resume", run: () => void resume(row) },
                ]
              : []),
            { label: "History", run: () => setOpen({ what: "history", rule: row }) },
            ...(mayWrite ? [{ label: "Delete…", run: () => setOpen({ what: "delete", rule: row }), bad: true }] : []),
          ]}
        />
      ),
    },
  ];

  return (
    <Page title="Retention rules" lede="What may be kept, and how long. Without a rule nothing is recorded at all. A change acts at once, also on what is already kept, unless it would destroy something early: then it waits for your grace period. What has run out is not readable from that moment, on any path." actions={create}>
      <ListCard
        list={list}
        empty={
          <Empty icon="rule" title="Nothing is kept" action={create}>
            <p>Messages pass and are forgotten until a rule says how long to keep them, for an endpoint, a purpose or a data type. Where several rules fit, the most specific one counts.</p>
          </Empty>
        }
      >
        {(items) => <DataTable caption="Retention rules" columns={columns} rows={items} rowKey={(row) => row.id} />}
      </ListCard>
      <WaitingChanges />
      <div className="grid-2">
        <HeldNow />
        <Explain />
      </div>
      <Dialog title="New retention rule" isOpen={open?.what === "new"} onClose={close}>
        <NewRule
          endpointId={search.get("endpoint") ?? ""}
          onClose={close}
          onDone={() => {
            close();
            refresh();
          }}
        />
      </Dialog>
      <Dialog title="Edit rule" isOpen={open?.what === "edit"} onClose={close}>
        {open?.what === "edit" && (
          <EditRule
            rule={open.rule}
            onClose={close}
            onDone={() => {
              close();
              refresh();
            }}
          />
        )}
      </Dialog>
      <Dialog title="How this rule came to be" isOpen={open?.what === "history"} onClose={close}>
        {open?.what === "history" && <RuleHistory rule={open.rule} />}
      </Dialog>
      <Confirm
        title="Delete this rule?"
        confirmLabel="Delete rule"
        isOpen={open?.what === "delete"}
        onClose={close}
        act={async () => {
          if (open?.what === "delete") tellWait(await deleteRule(open.rule.id));
        }}
        onDone={refresh}
      >
        {open?.what === "delete" && <Consequence rule={open.rule} sentence={sentenceOf(open.rule, names)} />}
      </Confirm>
      <Confirm
        title="Pause this rule?"
        confirmLabel="Pause rule"
        isOpen={open?.what === "pause"}
        onClose={close}
        act={async () => {
          if (open?.what === "pause") tellWait(await changeRule(open.rule.id, open.rule.version, { enabled: false }));
        }}
        onDone={refresh}
      >
        {open?.what === "pause" && <Consequence rule={open.rule} sentence={sentenceOf(open.rule, names)} />}
      </Confirm>
    </Page>
  );
}

const AFTERWARDS: Record<Rule["target"], string> = {
  messages: "What it covered falls to the next rule that fits. Where none does, nothing more is recorded, and what is kept now cannot be read from this moment and is deleted right after. That cannot be undone.",
  connections: "What it covered falls to the next rule that fits, or to the usual 30 days. Records that are older then cannot be read from this moment and are deleted right after.",
  audit_events: "What it covered falls to the next rule that fits, or stays.",
};

/** Rules give leave to keep, so taking one away may delete. */
function Consequence({ rule, sentence }: { rule: Rule; sentence: string }) {
  return (
    <>
      <p>“{sentence}” no longer holds.</p>
      <p>{AFTERWARDS[rule.target]}</p>
    </>
  );
}
