import { useSearchParams } from "react-router";
import { SelectInput } from "../../components/choices";
import { Page } from "../../components/Page";
import { useEndpointList } from "../names";
import { ConnectionList } from "./ConnectionList";

const STATES = [
  { id: "open", label: "Open now" },
  { id: "closed", label: "Closed" },
  { id: "", label: "All" },
];

export function Connections() {
  const endpoints = useEndpointList();
  const [search, setSearch] = useSearchParams();
  const state = search.get("state") ?? "open";
  const endpoint = search.get("endpoint") ?? "";
  const change = (name: string, value: string) => {
    const next = new URLSearchParams(search);
    next.set(name, value);
    setSearch(next, { replace: true });
  };
  return (
    <Page
      title={
        <span className="row">
          Connections <span className="live-dot" aria-hidden="true" />
        </span>
      }
      tab="Connections"
      lede="Live: the list refreshes by itself every two seconds."
    >
      <div className="toolbar">
        <SelectInput name="state" label="Show" choices={STATES} value={state} onChange={(value) => change("state", value)} />
        <SelectInput
          name="endpoint"
          label="Endpoint"
          choices={[{ id: "", label: "Any endpoint" }, ...(endpoints ?? []).map(({ id, slug }) => ({ id, label: slug }))]}
          value={endpoint}
          onChange={(value) => change("endpoint", value)}
        />
      </div>
      <ConnectionList filter={{ state: state === "open" || state === "closed" ? state : undefined, endpoint_id: endpoint || undefined }} />
    </Page>
  );
}
