import { Link, useSearchParams } from "react-router";
import { listRequests } from "../../api/requests";
import type { SubjectRequest } from "../../api/types";
import { Badge } from "../../components/Badge";
import { SelectInput } from "../../components/choices";
import { CopyField } from "../../components/Copy";
import { type Column, DataTable } from "../../components/DataTable";
import { ListCard, useList } from "../../components/list";
import { DueDate, Moment } from "../../components/moments";
import { Page } from "../../components/Page";
import { Empty } from "../../components/states";
import { useMe } from "../session";
import { SubjectName } from "../SubjectName";
import { KINDS, KIND_WORDS, isOpen, requestState } from "./words";

const COLUMNS: Column<SubjectRequest>[] = [
  {
    header: "Request",
    primary: true,
    cell: (row) => (
      <Link to={`/requests/${row.id}`} className="row-link">
        {KIND_WORDS[row.kind]}
      </Link>
    ),
  },
  { header: "Person", cell: (row) => (row.subject_id ? <SubjectName id={row.subject_id} /> : (row.email ?? <span className="faint">erased</span>)) },
  { header: "State", cell: (row) => <Badge tone={requestState(row.state).tone}>{requestState(row.state).words}</Badge> },
  { header: "Due", cell: (row) => (isOpen(row) ? <DueDate at={row.due_at} open /> : <span className="faint">settled</span>) },
  { header: "Received", cell: (row) => <Moment at={row.received_at} /> },
  { header: "By", cell: (row) => (row.origin === "portal" ? "themselves" : "you") },
];

const OPEN_AND_DONE = ["received", "verified", "approval", "in_progress", "completed", "refused", "withdrawn", "expired"] as const;
const STATES = [{ id: "", label: "All" }, ...OPEN_AND_DONE.map((id) => ({ id, label: requestState(id).words }))];

export function Requests() {
  const { tenant } = useMe();
  const [search, setSearch] = useSearchParams();
  const filter = {
    kind: KINDS.find((kind) => kind === search.get("kind")),
    state: OPEN_AND_DONE.find((state) => state === search.get("state")),
    overdue: search.get("overdue") === "true" ? true : undefined,
  };
  const filtered = filter.kind !== undefined || filter.state !== undefined || filter.overdue !== undefined;
  const change = (name: string, value: string) => {
    const next = new URLSearchParams(search);
    if (value === "") next.delete(name);
    else next.set(name, value);
    setSearch(next, { replace: true });
  };
  const list = useList(
    ["requests", filter],
    (cursor) => listRequests({ ...filter, cursor }),
    { every: 10_000 },
  );
  return (
    <Page title="Requests" lede="What people ask of you: a copy of their data, a correction, a stop, or erasure. Each has a due date, and none goes late unseen.">
      <div className="toolbar">
        <SelectInput name="kind" label="Kind" value={filter.kind ?? ""} onChange={(value) => change("kind", value)} choices={[{ id: "", label: "All" }, ...KINDS.map((id) => ({ id, label: KIND_WORDS[id] }))]} />
        <SelectInput name="state" label="State" value={filter.state ?? ""} onChange={(value) => change("state", value)} choices={STATES} />
        <SelectInput name="overdue" label="Due date" value={filter.overdue ? "true" : ""} onChange={(value) => change("overdue", value)} choices={[{ id: "", label: "Any" }, { id: "true", label: "Overdue" }]} />
      </div>
      <ListCard
        list={list}
        empty={
          filtered ? (
            <Empty icon="search" title="None like this" />
          ) : (
            <Empty icon="request" title="No requests yet">
              <p>People make them on your privacy page, with nothing but their e-mail address. Link it from your site:</p>
              <CopyField text={`${window.location.origin}/privacy/${tenant.slug}`} what="address of the privacy page" />
            </Empty>
          )
        }
      >
        {(items) => <DataTable caption="Requests" columns={COLUMNS} rows={items} rowKey={(row) => row.id} />}
      </ListCard>
    </Page>
  );
}
