import { Fragment, useState } from "react";
import { useSearchParams } from "react-router";
import { auditReceiptUrl, listAuditEvents } from "../../api/audit";
import type { AuditEvent } from "../../api/types";
import { Button, DownloadLink } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { TextInput } from "../../components/fields";
import { ListCard, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { Page } from "../../components/Page";
import { Empty } from "../../components/states";
import { useActorNames } from "../actors";
import { shortId } from "../names";
import { LogState } from "./LogState";
import { kindInWords } from "./words";

const COLUMNS: Column<AuditEvent>[] = [
  { header: "No.", align: "right", cell: (row) => <span className="num faint">{row.index}</span> },
  {
    header: "What",
    primary: true,
    cell: (row) => (
      <span className="stack" style={{ gap: 0 }}>
        <strong>{kindInWords(row.kind)}</strong>
        <Facts event={row} />
      </span>
    ),
  },
  { header: "By", cell: (row) => <By event={row} /> },
  {
    header: "On",
    cell: (row) =>
      row.target ? (
        <span>
          {row.target.kind.replaceAll("_", " ")} <code className="faint small">{shortId(row.target.id)}</code>
        </span>
      ) : (
        ""
      ),
  },
  { header: "When", cell: (row) => <Moment at={row.at} /> },
  {
    header: "Actions",
    actions: true,
    cell: (row) => (
      <DownloadLink href={auditReceiptUrl(row.id)} kind="quiet" size="small">
        Receipt
      </DownloadLink>
    ),
  },
];

function By({ event }: { event: AuditEvent }) {
  return useActorNames()(event.actor);
}

function Facts({ event }: { event: AuditEvent }) {
  const facts = Object.entries(event.facts).slice(0, 6);
  if (facts.length === 0) return null;
  return (
    <span className="faint small">
      {facts.map(([name, value], index) => (
        <Fragment key={name}>
          {index > 0 && ", "}
          {name.replaceAll("_", " ")}: {short(value)}
        </Fragment>
      ))}
    </span>
  );
}

function short(value: unknown): string {
  const words = typeof value === "string" ? value : JSON.stringify(value);
  return words.length > 60 ? `${words.slice(0, 57)}…` : words;
}

export function AuditLog() {
  const [search, setSearch] = useSearchParams();
  const kind = search.get("kind") ?? "";
  const subject = search.get("subject") ?? "";
  const list = useList(["audit-events", kind, subject], (cursor) => listAuditEvents({ cursor, ...(kind ? { kind } : {}), ...(subject ? { subject } : {}) }));
  return (
    <Page title="Audit log" lede="Every act that matters, in an order that cannot be changed unnoticed. Each entry comes with a receipt that anyone can check offline.">
      <LogState />
      <form
        className="toolbar"
        role="search"
        key={`${kind} ${subject}`}
        onSubmit={(event) => {
          event.preventDefault();
          const form = new FormData(event.currentTarget);
          const next = new URLSearchParams();
          for (const name of ["kind", "subject"]) {
            const value = String(form.get(name) ?? "").trim();
            if (value) next.set(name, value);
          }
          setSearch(next, { replace: true });
        }}
      >
        <FreeInput name="kind" label="Kind" start={kind} placeholder="endpoint.created" />
        <FreeInput name="subject" label="About the person" start={subject} placeholder="user-42" />
        <Button type="submit">Filter</Button>
        {(kind || subject) && (
          <Button kind="quiet" onPress={() => setSearch({}, { replace: true })}>
            Clear
          </Button>
        )}
      </form>
      <ListCard
        list={list}
        empty={
          <Empty icon="audit" title="No entries">
            <p>{kind || subject ? "Nothing in the log fits these filters." : "The first act will be the first entry."}</p>
          </Empty>
        }
      >
        {(items) => <DataTable caption="Audit log" columns={COLUMNS} rows={items} rowKey={(row) => row.id} />}
      </ListCard>
    </Page>
  );
}

function FreeInput({ name, label, start, placeholder }: { name: string; label: string; start: string; placeholder: string }) {
  const [value, setValue] = useState(start);
  return <TextInput name={name} label={label} value={value} onChange={setValue} code placeholder={placeholder} />;
}
