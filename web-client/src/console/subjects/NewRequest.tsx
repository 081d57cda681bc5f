import { useState } from "react";
import { createRequest } from "../../api/requests";
import type { RequestDetails, SubjectRequest } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Button } from "../../components/Button";
import { SelectInput, Tick } from "../../components/choices";
import { LongText, TextInput } from "../../components/fields";
import { useDataTypeList, usePurposeList } from "../names";
import { APPROVAL_WORDS, GROUNDS, KINDS, KIND_WORDS } from "../requests/words";

type Kind = SubjectRequest["kind"];

// GDPR Art. 21(1): what rests on these can be objected to.
const OBJECTABLE = ["public_task", "legitimate_interests"];

/** A request that came in by another way than the privacy page. That the person wants it is the member's word. */
export function NewRequest({ subject, onClose, onDone }: { subject: string; onClose: () => void; onDone: (request: SubjectRequest) => void }) {
  const purposes = (usePurposeList() ?? []).filter(({ lawful_basis }) => OBJECTABLE.includes(lawful_basis));
  const fields = [{ id: "email", label: "E-mail address" }, ...(useDataTypeList() ?? []).map(({ slug, name }) => ({ id: slug, label: name }))];
  const [kind, setKind] = useState<Kind>("rectification");
  const [text, setText] = useState("");
  const [field, setField] = useState("email");
  const [value, setValue] = useState("");
  const [ground, setGround] = useState("");
  const [against, setAgainst] = useState<string[]>([]);
  const [note, setNote] = useState("");
  const [notify, setNotify] = useState(true);
  const submit = () => {
    const details: RequestDetails = {};
    if (text.trim()) details.text = text;
    if (kind === "rectification" && value.trim()) details.corrections = [{ field, value }];
    if (kind === "restriction" && ground) details.ground = ground;
    if (kind === "objection") details.purpose_ids = against;
    return createRequest({ kind, subject, notify, ...(Object.keys(details).length > 0 && { details }), ...(note.trim() && { note }) });
  };
  return (
    <ApiForm submitLabel="Carry it out" submitKind={kind === "erasure" ? "danger" : "primary"} beside={<Button onPress={onClose}>Cancel</Button>} submit={submit} onDone={onDone}>
      <SelectInput name="/kind" label="What they ask for" choices={KINDS.map((id) => ({ id, label: KIND_WORDS[id] }))} value={kind} onChange={(id) => setKind(id as Kind)} required />
      <p className="soft">You vouch that it is them, and it is carried out at once. {APPROVAL_WORDS[kind]}</p>
      {kind === "rectification" && (
        <div className="form-grid">
          <SelectInput name="/details/corrections/0/field" label="What is wrong" choices={fields} value={field} onChange={setField} />
          <TextInput name="/details/corrections/0/value" label="What it should be" value={value} onChange={setValue} required={false} />
        </div>
      )}
      {kind === "restriction" && <SelectInput name="/details/ground" label="Ground" choices={GROUNDS} value={ground} onChange={setGround} required={false} />}
      {kind === "objection" &&
        (purposes.length === 0 ? (
          <p className="soft">There is no purpose that one can object to: none rests on a public task or on legitimate interests.</p>
        ) : (
          <div className="stack tight">
            {purposes.map(({ id, name }) => (
              <Tick key={id} name={`/details/purpose_ids/${id}`} label={name} value={against.includes(id)} onChange={(on) => setAgainst(on ? [...against, id] : against.filter((one) => one !== id))} />
            ))}
          </div>
        ))}
      <LongText name="/details/text" label="In their words" value={text} onChange={setText} required={false} rows={3} />
      <TextInput name="/note" label="How it came in" value={note} onChange={setNote} required={false} hint="For the record: by letter, by telephone." />
      <Tick name="/notify" label="They get mails about it" hint="Where their address is known." value={notify} onChange={setNotify} />
    </ApiForm>
  );
}
