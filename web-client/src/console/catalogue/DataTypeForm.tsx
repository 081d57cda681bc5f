import { useState } from "react";
import { changeDataType, createDataType, getDataType } from "../../api/catalogue";
import type { DataType, DataTypeIn, DataTypePatch, Minimise } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Button } from "../../components/Button";
import { SelectInput, SwitchInput } from "../../components/choices";
import { EditForm } from "../../components/EditForm";
import { Lines, LongText, TextInput, filled } from "../../components/fields";
import { orNull, useEdit } from "../../components/useEdit";
import { slugFrom } from "../../format/slug";
import { SamplePreview } from "./SamplePreview";
import { STRATEGIES, UNITS, begin } from "./strategies";

interface Draft {
  name: string;
  description: string;
  personal: boolean;
  special_category: string;
  paths: string[];
  minimise: Minimise;
}

// Art. 9 (1) and 10 GDPR.
const SPECIAL = [
  { id: "", label: "None" },
  ...["health", "genetic", "biometric", "ethnic_origin", "political_opinion", "religious_belief", "trade_union", "sex_life", "criminal"].map((id) => ({ id, label: id.replaceAll("_", " ") })),
];

function toInput(draft: Draft, slug: string): DataTypeIn {
  return { ...draft, slug, name: draft.name || slug, description: draft.description || undefined, special_category: draft.special_category || undefined, paths: filled(draft.paths) };
}

export function NewDataType({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [draft, setDraft] = useState<Draft>({ name: "", description: "", personal: true, special_category: "", paths: ["$."], minimise: { strategy: "none" } });
  const [ownSlug, setOwnSlug] = useState<string>();
  const slug = ownSlug ?? slugFrom(draft.name);
  return (
    <ApiForm submitLabel="Create data type" beside={<Button onPress={onClose}>Cancel</Button>} submit={() => createDataType(toInput(draft, slug))} onDone={onDone}>
      <DataTypeFields draft={draft} set={(key, value) => setDraft((now) => ({ ...now, [key]: value }))} slug={<TextInput name="/slug" label="Short name" value={slug} onChange={setOwnSlug} required code />} />
      <TryDraft draft={toInput(draft, slug || "draft")} />
    </ApiForm>
  );
}

function toDraft(dataType: DataType): Draft {
  return {
    name: dataType.name,
    description: dataType.description ?? "",
    personal: dataType.personal,
    special_category: dataType.special_category ?? "",
    paths: dataType.paths,
    minimise: dataType.minimise,
  };
}

function toPatch({ description, special_category, paths, ...same }: Partial<Draft>): DataTypePatch {
  return {
    ...same,
    ...(description === undefined ? {} : { description: orNull(description) }),
    ...(special_category === undefined ? {} : { special_category: orNull(special_category) }),
    ...(paths === undefined ? {} : { paths: filled(paths) }),
  };
}

export function EditDataType({ dataType, onClose, onDone }: { dataType: DataType; onClose: () => void; onDone: () => void }) {
  const edit = useEdit(toDraft(dataType), dataType.version);
  return (
    <EditForm
      edit={edit}
      toDraft={toDraft}
      labels={{ name: "name", description: "description", personal: "whether it is personal", special_category: "special category", paths: "where it stands", minimise: "minimisation" }}
      save={(version, changes) => changeDataType(dataType.id, version, toPatch(changes))}
      reload={() => getDataType(dataType.id)}
      onSaved={onDone}
      beside={<Button onPress={onClose}>Cancel</Button>}
    >
      <DataTypeFields draft={edit.draft} set={edit.set} />
      <TryDraft draft={toInput(edit.draft, dataType.slug)} />
    </EditForm>
  );
}

function DataTypeFields({ draft, set, slug }: { draft: Draft; set: <K extends keyof Draft>(key: K, value: Draft[K]) => void; slug?: React.ReactNode }) {
  const { strategy } = draft.minimise;
  return (
    <>
      <div className="form-grid">
        <TextInput name="/name" label="Name" value={draft.name} onChange={(value) => set("name", value)} required placeholder="E-mail address" />
        {slug}
      </div>
      <LongText name="/description" label="In plain words" value={draft.description} onChange={(value) => set("description", value)} required={false} rows={2} hint="Shown to the people it is about." />
      <Lines name="/paths" label="Where it stands in a message" value={draft.paths} onChange={(value) => set("paths", value)} placeholder="$.user.email" rows={2} hint="JSONPath, one a line. $..email finds it at any depth." />
      <div className="form-grid">
        <SelectInput name="/minimise/strategy" label="Before it is recorded" choices={STRATEGIES} value={strategy} onChange={(value) => set("minimise", begin(value as Minimise["strategy"]))} />
        {(strategy === "mask" || strategy === "truncate") && (
          <TextInput name="/minimise/keep" label="Characters that stay" type="number" value={String(draft.minimise.keep ?? "")} onChange={(value) => set("minimise", { strategy, keep: Math.max(0, Number(value) || 0) })} />
        )}
        {strategy === "truncate_geo" && (
          <TextInput name="/minimise/keep" label="Decimals that stay" type="number" value={String(draft.minimise.keep ?? 1)} onChange={(value) => set("minimise", { strategy, keep: Math.max(0, Number(value) || 0) })} />
        )}
        {strategy === "truncate_time" && (
          <SelectInput name="/minimise/to" label="What stays of a time" choices={UNITS} value={draft.minimise.to ?? "day"} onChange={(value) => set("minimise", { strategy, to: value as Minimise["to"] })} />
        )}
        {strategy === "generalise" && (
          <TextInput name="/minimise/step" label="Width of a range" type="number" value={String(draft.minimise.step ?? "")} onChange={(value) => set("minimise", { strategy, step: Number(value) || 0 })} />
        )}
        {strategy === "replace" && <TextInput name="/minimise/with" label="Replacement" value={draft.minimise.with ?? ""} onChange={(value) => set("minimise", { strategy, with: value })} />}
      </div>
      <div className="form-grid">
        <SwitchInput name="/personal" label="Personal data" hint="It says something about a person." value={draft.personal} onChange={(value) => set("personal", value)} />
        {draft.personal && <SelectInput name="/special_category" label="Special category" choices={SPECIAL} value={draft.special_category} onChange={(value) => set("special_category", value)} />}
      </div>
    </>
  );
}

function TryDraft({ draft }: { draft: DataTypeIn }) {
  return (
    <details>
      <summary>Try it on a message</summary>
      <SamplePreview draft={draft} />
    </details>
  );
}
