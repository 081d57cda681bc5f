import { useState } from "react";
import { useSearchParams } from "react-router";
import { type AuditQuery, listAuditEvents } from "../../api/audit";
import { listSubjects } from "../../api/subjects";
import type { AuditEvent, Page as ListPage } from "../../api/types";
import { Button, DownloadLink } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { TextInput } from "../../components/fields";
import { ListCard, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { Page } from "../../components/Page";
import { Empty } from "../../components/states";
import { useActorNames } from "../actors";
import { shortId } from "../names";
import { factsInWords } from "./facts";
import { LogState } from "./LogState";
import { Witnesses } from "./Witnesses";
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
        <span className="nowrap">
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
      <DownloadLink href={row.receipt_url} kind="quiet" size="small">
        Receipt
      </DownloadLink>
    ),
  },
];

function By({ event }: { event: AuditEvent }) {
  return <span className="nowrap">{useActorNames()(event.actor)}</span>;
}

function Facts({ event }: { event: AuditEvent }) {
  const words = factsInWords(event.facts);
  return words === "" ? null : <span className="faint small">{words}</span>;
}

export function AuditLog() {
  const [search, setSearch] = useSearchParams();
  const kind = search.get("kind") ?? "";
  const subject = search.get("subject") ?? "";
  const list = useList(["audit-events", kind, subject], (cursor) => find({ cursor, ...(kind ? { kind } : {}) }, subject));
  return (
    <Page title="Audit log" lede="Every act that matters, in an order that cannot be changed unnoticed. Each entry comes with a receipt that anyone can check offline.">
      <LogState />
      <Witnesses />
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

/** The log knows people by our ids; the filter speaks the tenant's. */
async function find(query: AuditQuery, externalId: string): Promise<ListPage<AuditEvent>> {
  if (externalId === "") return listAuditEvents(query);
  const { items } = await listSubjects({ external_id: externalId });
  const subject = items[0];
  return subject ? listAuditEvents({ ...query, subject_id: subject.id }) : { items: [] };
}

function FreeInput({ name, label, start, placeholder }: { name: string; label: string; start: string; placeholder: string }) {
  const [value, setValue] = useState(start);
  return <TextInput name={name} label={label} value={value} onChange={setValue} code placeholder={placeholder} />;
}
