import { useState } from "react";
import { changeRule, createRule, getRule, isWaiting } from "../../api/rules";
import type { Rule, RuleIn, RulePatch } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Button } from "../../components/Button";
import { SelectInput } from "../../components/choices";
import { DurationInput } from "../../components/DurationInput";
import { EditForm } from "../../components/EditForm";
import { TextInput } from "../../components/fields";
import { Notice } from "../../components/Notice";
import { orNull, useEdit } from "../../components/useEdit";
import { approximateSeconds } from "../../format/duration";
import { useDataTypeList, useEndpointList, useNames, usePurposeList } from "../names";
import { sentenceOf } from "./ruleWords";
import { tellWait } from "./waits";

interface Draft {
  name: string;
  target: Rule["target"];
  endpoint_id: string;
  channel_pattern: string;
  data_type_id: string;
  purpose_id: string;
  duration: string;
}

const TARGETS = [
  { id: "messages", label: "Messages" },
  { id: "connections", label: "Connection records", hint: "Who was connected, when and why it closed." },
  { id: "audit_events", label: "Audit log entries", hint: "Those that may be deleted; proofs stay." },
];

export function NewRule({ endpointId, onClose, onDone }: { endpointId: string; onClose: () => void; onDone: () => void }) {
  const names = useNames();
  const [draft, setDraft] = useState<Draft>({ name: "", target: "messages", endpoint_id: endpointId, channel_pattern: "", data_type_id: "", purpose_id: "", duration: "P30D" });
  const submit = () => {
    const input: RuleIn = { name: draft.name || sentenceOf(draft, names).replace(/\.$/, ""), target: draft.target, duration: draft.duration };
    if (draft.endpoint_id) input.endpoint_id = draft.endpoint_id;
    if (draft.channel_pattern) input.channel_pattern = draft.channel_pattern;
    if (draft.data_type_id) input.data_type_id = draft.data_type_id;
    if (draft.purpose_id) input.purpose_id = draft.purpose_id;
    return createRule(input).then(tellWait);
  };
  return (
    <ApiForm submitLabel="Create rule" beside={<Button onPress={onClose}>Cancel</Button>} submit={submit} onDone={onDone}>
      <RuleFields draft={draft} set={(key, value) => setDraft((now) => ({ ...now, [key]: value }))} />
    </ApiForm>
  );
}

function toDraft(rule: Rule): Draft {
  return {
    name: rule.name,
    target: rule.target,
    endpoint_id: rule.endpoint_id ?? "",
    channel_pattern: rule.channel_pattern ?? "",
    data_type_id: rule.data_type_id ?? "",
    purpose_id: rule.purpose_id ?? "",
    duration: rule.duration,
  };
}

function toPatch(changes: Partial<Draft>, why: string): RulePatch {
  const { name, target, duration, ...scope } = changes;
  return {
    ...(name === undefined ? {} : { name }),
    ...(target === undefined ? {} : { target }),
    ...(duration === undefined ? {} : { duration }),
    ...Object.fromEntries(Object.entries(scope).map(([key, value]) => [key, orNull(value)])),
    ...(why === "" ? {} : { why }),
  };
}

export function EditRule({ rule, onClose, onDone }: { rule: Rule; onClose: () => void; onDone: () => void }) {
  const edit = useEdit(toDraft(rule), rule.version);
  const [why, setWhy] = useState("");
  return (
    <EditForm
      edit={edit}
      toDraft={toDraft}
      labels={{ name: "name", target: "what it covers", endpoint_id: "endpoint", channel_pattern: "channels", data_type_id: "data type", purpose_id: "purpose", duration: "duration" }}
      save={async (version, changes) => {
        const answer = tellWait(await changeRule(rule.id, version, toPatch(changes, why)));
        // A change that waits leaves the rule as it is.
        return isWaiting(answer) ? getRule(rule.id) : answer;
      }}
      reload={() => getRule(rule.id)}
      onSaved={onDone}
      beside={<Button onPress={onClose}>Cancel</Button>}
    >
      <RuleFields draft={edit.draft} set={edit.set} />
      {isShorter(edit.draft.duration, rule.duration) && (
        <Notice tone="warn">Shorter than before: what is older than that cannot be read from the moment the change acts, and is deleted right after. Making it longer again does not bring it back.</Notice>
      )}
      <TextInput name="/why" label="Why the change" value={why} onChange={setWhy} required={false} hint="Kept in the rule’s history." />
    </EditForm>
  );
}

function RuleFields({ draft, set }: { draft: Draft; set: <K extends keyof Draft>(key: K, value: Draft[K]) => void }) {
  const names = useNames();
  const endpoints = useEndpointList() ?? [];
  const dataTypes = useDataTypeList() ?? [];
  const purposes = usePurposeList() ?? [];
  const messages = draft.target === "messages";
  return (
    <>
      <div className="form-grid">
        <SelectInput name="/target" label="What" choices={TARGETS} value={draft.target} onChange={(value) => set("target", value as Rule["target"])} />
        <DurationInput name="/duration" label="Stays for" value={draft.duration} onChange={(value) => set("duration", value)} />
      </div>
      {draft.target !== "audit_events" && (
        <div className="form-grid">
          <SelectInput name="/endpoint_id" label="Endpoint" choices={[{ id: "", label: "Every endpoint" }, ...endpoints.map(({ id, slug }) => ({ id, label: slug }))]} value={draft.endpoint_id} onChange={(value) => set("endpoint_id", value)} />
          {messages && <TextInput name="/channel_pattern" label="Channels" value={draft.channel_pattern} onChange={(value) => set("channel_pattern", value)} code placeholder="every channel" hint="A * stands for anything: room-*" />}
        </div>
      )}
      {messages && (
        <div className="form-grid">
          <SelectInput name="/data_type_id" label="Containing" choices={[{ id: "", label: "Any content" }, ...dataTypes.map(({ id, name }) => ({ id, label: name }))]} value={draft.data_type_id} onChange={(value) => set("data_type_id", value)} />
          <SelectInput name="/purpose_id" label="Purpose" choices={[{ id: "", label: "Any purpose" }, ...purposes.map(({ id, name }) => ({ id, label: name }))]} value={draft.purpose_id} onChange={(value) => set("purpose_id", value)} />
        </div>
      )}
      <TextInput name="/name" label="Name" value={draft.name} onChange={(value) => set("name", value)} placeholder="From the sentence below" />
      <Notice>{draft.duration === "" ? "Say how long." : sentenceOf(draft, names)}</Notice>
    </>
  );
}

function isShorter(duration: string, than: string): boolean {
  const [now, before] = [approximateSeconds(duration), approximateSeconds(than)];
  return now !== undefined && before !== undefined && now < before;
}
