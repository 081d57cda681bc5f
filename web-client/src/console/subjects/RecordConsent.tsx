import { useState } from "react";
import { recordConsent } from "../../api/subjects";
import type { ConsentIn, Subject } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Button } from "../../components/Button";
import { SelectInput } from "../../components/choices";
import { TextInput } from "../../components/fields";
import { useNoticeList, usePurposeList } from "../names";

const STATES = [
  { id: "given", label: "Given" },
  { id: "renewed", label: "Renewed" },
  { id: "refused", label: "Refused" },
];

export function RecordConsent({ subject, onClose, onDone }: { subject: Subject; onClose: () => void; onDone: () => void }) {
  const purposes = usePurposeList() ?? [];
  const notices = useNoticeList() ?? [];
  const [purpose, setPurpose] = useState("");
  const [state, setState] = useState("given");
  const [version, setVersion] = useState("");
  const [evidence, setEvidence] = useState("");
  const texts = notices.flatMap((notice) => {
    const latest = notice.latest_version;
    return latest && notice.purpose_ids.includes(purpose) ? [{ id: latest.id, label: `${notice.name || notice.slug}, version ${latest.number}` }] : [];
  });
  const submit = () => {
    const input: ConsentIn = { subject_id: subject.id, purpose_id: purpose, state: state as ConsentIn["state"], method: "console" };
    if (version) input.notice_version_id = version;
    if (evidence) input.evidence = { note: evidence };
    return recordConsent(input);
  };
  return (
    <ApiForm submitLabel="Record" beside={<Button onPress={onClose}>Cancel</Button>} submit={submit} onDone={onDone}>
      <p className="soft">What they told you on paper or on the phone, for example. Your app records consents by itself over the API.</p>
      <div className="form-grid">
        <SelectInput name="/purpose_id" label="Purpose" choices={purposes.map(({ id, name }) => ({ id, label: name }))} value={purpose} onChange={setPurpose} required />
        <SelectInput name="/state" label="They have" choices={STATES} value={state} onChange={setState} />
      </div>
      <SelectInput name="/notice_version_id" label="The text they saw" choices={[{ id: "", label: "Not recorded" }, ...texts]} value={version} onChange={setVersion} />
      <TextInput name="/evidence" label="Evidence" value={evidence} onChange={setEvidence} required={false} placeholder="Signed form, filed under 2026-118" />
    </ApiForm>
  );
}
