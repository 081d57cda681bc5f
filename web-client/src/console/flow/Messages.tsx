import { useState } from "react";
import { useSearchParams } from "react-router";
import { type MessageQuery, listMessages } from "../../api/subjects";
import { Button } from "../../components/Button";
import { SelectInput } from "../../components/choices";
import { TextInput } from "../../components/fields";
import { Page } from "../../components/Page";
import { instant, localMinute } from "../../format/local";
import { useDataTypeList, useEndpointList, usePurposeList } from "../names";
import { MessageList } from "./MessageList";

const FILTERS = ["endpoint_id", "purpose_id", "data_type_id", "direction", "channel", "from", "to", "subject_id"] as const;
type Filter = (typeof FILTERS)[number];

const DIRECTIONS = [
  { id: "", label: "Both ways" },
  { id: "inbound", label: "From clients" },
  { id: "outbound", label: "To clients" },
];

export function Messages() {
  const [search, setSearch] = useSearchParams();
  const endpoints = useEndpointList();
  const purposes = usePurposeList();
  const dataTypes = useDataTypeList();
  const [more, setMore] = useState(search.has("from") || search.has("to") || search.has("channel"));
  const value = (name: Filter) => search.get(name) ?? "";
  const change = (name: Filter, to: string) => {
    const next = new URLSearchParams(search);
    if (to === "") next.delete(name);
    else next.set(name, to);
    setSearch(next, { replace: true });
  };
  const active = FILTERS.filter((name) => search.has(name));
  return (
    <Page title="Messages" lede="What is kept now, sealed. Expired and erased messages are not found here or anywhere. Reading one is itself recorded in the audit log.">
      <div className="stack tight">
        <div className="toolbar">
          <SelectInput name="endpoint" label="Endpoint" value={value("endpoint_id")} onChange={(to) => change("endpoint_id", to)} choices={[{ id: "", label: "Any endpoint" }, ...(endpoints ?? []).map(({ id, slug }) => ({ id, label: slug }))]} />
          <SelectInput name="purpose" label="Purpose" value={value("purpose_id")} onChange={(to) => change("purpose_id", to)} choices={[{ id: "", label: "Any purpose" }, ...(purposes ?? []).map(({ id, name }) => ({ id, label: name }))]} />
          <SelectInput name="type" label="Data type" value={value("data_type_id")} onChange={(to) => change("data_type_id", to)} choices={[{ id: "", label: "Any content" }, ...(dataTypes ?? []).map(({ id, name }) => ({ id, label: name }))]} />
          <SelectInput name="direction" label="Direction" value={value("direction")} onChange={(to) => change("direction", to)} choices={DIRECTIONS} />
          {!more && (
            <Button kind="quiet" onPress={() => setMore(true)}>
              More filters
            </Button>
          )}
          {active.length > 0 && (
            <Button kind="quiet" onPress={() => setSearch({}, { replace: true })}>
              Clear
            </Button>
          )}
        </div>
        {more && (
          <div className="toolbar">
            <TextInput name="channel" label="Channel" code value={value("channel")} onChange={(to) => change("channel", to)} />
            <TextInput name="from" label="From" type="datetime-local" value={localMinute(value("from"))} onChange={(to) => change("from", instant(to))} />
            <TextInput name="to" label="Until" type="datetime-local" value={localMinute(value("to"))} onChange={(to) => change("to", instant(to))} />
          </div>
        )}
      </div>
      <MessageList query={Object.fromEntries(active.map((name) => [name, search.get(name)])) as MessageQuery} fetch={listMessages} />
    </Page>
  );
}
