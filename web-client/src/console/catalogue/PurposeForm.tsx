import { useState } from "react";
import { changePurpose, createPurpose, getPurpose } from "../../api/catalogue";
import type { LawfulBasis, Purpose, PurposePatch } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Button } from "../../components/Button";
import { SelectInput, SwitchInput } from "../../components/choices";
import { EditForm } from "../../components/EditForm";
import { LongText, TextInput } from "../../components/fields";
import { orNull, useEdit } from "../../components/useEdit";
import { slugFrom } from "../../format/slug";
import { BASES } from "./bases";

interface Draft {
  name: string;
  description: string;
  lawful_basis: LawfulBasis;
  requires_consent: boolean;
  balancing_note: string;
}

export function NewPurpose({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [draft, setDraft] = useState<Draft>({ name: "", description: "", lawful_basis: "consent", requires_consent: true, balancing_note: "" });
  const [ownSlug, setOwnSlug] = useState<string>();
  const slug = ownSlug ?? slugFrom(draft.name);
  return (
    <ApiForm
      submitLabel="Create purpose"
      beside={<Button onPress={onClose}>Cancel</Button>}
      submit={() => createPurpose({ ...draft, slug, name: draft.name || slug, description: draft.description || undefined, balancing_note: draft.balancing_note || undefined })}
      onDone={onDone}
    >
      <PurposeFields draft={draft} set={(key, value) => setDraft((now) => ({ ...now, [key]: value }))} autoFocus />
      <TextInput name="/slug" label="Short name" value={slug} onChange={setOwnSlug} required code hint="How your code refers to it." />
    </ApiForm>
  );
}

function toDraft(purpose: Purpose): Draft {
  return { name: purpose.name, description: purpose.description ?? "", lawful_basis: purpose.lawful_basis, requires_consent: purpose.requires_consent, balancing_note: purpose.balancing_note ?? "" };
}

export function EditPurpose({ purpose, onClose, onDone }: { purpose: Purpose; onClose: () => void; onDone: () => void }) {
  const edit = useEdit(toDraft(purpose), purpose.version);
  return (
    <EditForm
      edit={edit}
      toDraft={toDraft}
      labels={{ name: "name", description: "description", lawful_basis: "lawful basis", requires_consent: "whether it waits for consent", balancing_note: "weighing" }}
      save={(version, changes) =>
        changePurpose(purpose.id, version, {
          ...changes,
          ...("description" in changes ? { description: orNull(changes.description) } : {}),
          ...("balancing_note" in changes ? { balancing_note: orNull(changes.balancing_note) } : {}),
        } as PurposePatch)
      }
      reload={() => getPurpose(purpose.id)}
      onSaved={onDone}
      beside={<Button onPress={onClose}>Cancel</Button>}
    >
      <PurposeFields draft={edit.draft} set={edit.set} />
    </EditForm>
  );
}

function PurposeFields({ draft, set, autoFocus }: { draft: Draft; set: <K extends keyof Draft>(key: K, value: Draft[K]) => void; autoFocus?: boolean }) {
  return (
    <>
      <TextInput name="/name" label="Name" value={draft.name} onChange={(value) => set("name", value)} required autoFocus={autoFocus ?? false} placeholder="Support chat" />
      <LongText name="/description" label="In plain words" value={draft.description} onChange={(value) => set("description", value)} required={false} rows={3} hint="Shown to the people it is about." />
      <SelectInput
        name="/lawful_basis"
        label="Lawful basis"
        choices={BASES}
        value={draft.lawful_basis}
        onChange={(value) => {
          set("lawful_basis", value as LawfulBasis);
          set("requires_consent", value === "consent");
        }}
      />
      {draft.lawful_basis === "legitimate_interests" && (
        <LongText name="/balancing_note" label="Weighing" value={draft.balancing_note} onChange={(value) => set("balancing_note", value)} required rows={3} hint="Why the interests of the people do not override yours." />
      )}
      <SwitchInput name="/requires_consent" label="Waits for consent" hint="Nothing passes for a person until their consent is on record, and nothing more once it is withdrawn." value={draft.requires_consent} onChange={(value) => set("requires_consent", value)} />
    </>
  );
}
