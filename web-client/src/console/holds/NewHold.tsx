import { useState } from "react";
import { createHold } from "../../api/holds";
import type { HoldIn } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Button } from "../../components/Button";
import { SelectInput } from "../../components/choices";
import { DurationInput } from "../../components/DurationInput";
import { LongText, TextInput } from "../../components/fields";
import { Notice } from "../../components/Notice";
import { useDataTypeList, useEndpointList, useNames, usePurposeList } from "../names";
import { coverageOf } from "./holdWords";

const EMPTY = { name: "", reason: "", authority: "", endpoint_id: "", channel_pattern: "", data_type_id: "", purpose_id: "", subject_id: "", review_every: "P90D" };

export function NewHold({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const names = useNames();
  const endpoints = useEndpointList() ?? [];
  const dataTypes = useDataTypeList() ?? [];
  const purposes = usePurposeList() ?? [];
  const [draft, setDraft] = useState(EMPTY);
  const set = (key: keyof typeof EMPTY) => (value: string) => setDraft((now) => ({ ...now, [key]: value }));
  const filled = Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== ""));
  return (
    <ApiForm submitLabel="Place hold" beside={<Button onPress={onClose}>Cancel</Button>} submit={() => createHold({ ...filled, name: draft.name, reason: draft.reason } satisfies HoldIn)} onDone={onDone}>
      <div className="form-grid">
        <TextInput name="/name" label="Name" value={draft.name} onChange={set("name")} required placeholder="Acme ./. Wile" hint="Typed again to lift it." />
        <TextInput name="/authority" label="Authority" value={draft.authority} onChange={set("authority")} required={false} placeholder="Court, authority, file number" />
      </div>
      <LongText name="/reason" label="Reason" value={draft.reason} onChange={set("reason")} required rows={2} hint="For whoever reviews it." />
      <div className="form-grid">
        <SelectInput name="/endpoint_id" label="Endpoint" choices={[{ id: "", label: "Every endpoint" }, ...endpoints.map(({ id, slug }) => ({ id, label: slug }))]} value={draft.endpoint_id} onChange={set("endpoint_id")} />
        <TextInput name="/channel_pattern" label="Channels" value={draft.channel_pattern} onChange={set("channel_pattern")} required={false} code placeholder="every channel" hint="A * stands for anything: room-*" />
      </div>
      <div className="form-grid">
        <SelectInput name="/data_type_id" label="Containing" choices={[{ id: "", label: "Any content" }, ...dataTypes.map(({ id, name }) => ({ id, label: name }))]} value={draft.data_type_id} onChange={set("data_type_id")} />
        <SelectInput name="/purpose_id" label="Purpose" choices={[{ id: "", label: "Any purpose" }, ...purposes.map(({ id, name }) => ({ id, label: name }))]} value={draft.purpose_id} onChange={set("purpose_id")} />
      </div>
      <div className="form-grid">
        <TextInput name="/subject_id" label="Person" value={draft.subject_id} onChange={set("subject_id")} required={false} code placeholder="everybody" hint="The id that is shown on the person’s page." />
        <DurationInput name="/review_every" label="Review it every" value={draft.review_every} onChange={set("review_every")} />
      </div>
      <Notice>{coverageOf(filled, names)} will be kept until the hold is lifted, whatever rules and erasures say.</Notice>
    </ApiForm>
  );
}
