import { useState } from "react";
import type { Portal, RequestDetails, SubjectRequest } from "../api/types";
import { ApiForm } from "../components/ApiForm";
import { Button } from "../components/Button";
import { SelectInput, Tick } from "../components/choices";
import { Dialog } from "../components/Dialog";
import { LongText, TextInput } from "../components/fields";
import { useWords } from "./words";

type Kind = SubjectRequest["kind"];

interface MakeRequestProps {
  kind: Kind | undefined;
  /** What one can object to. */
  objectable: Portal["purposes"];
  onClose: () => void;
  make: (kind: Kind, details?: RequestDetails) => Promise<SubjectRequest>;
  onMade: (request: SubjectRequest) => void;
}

/** Says what will happen before it does; deletion needs one more tick, and other kinds need words. */
export function MakeRequest(props: MakeRequestProps) {
  const words = useWords();
  const { kind, onClose } = props;
  return (
    <Dialog title={kind ? words.requests[kind].confirmTitle : ""} isOpen={kind !== undefined} onClose={onClose} role="alertdialog">
      {kind && <Body {...props} kind={kind} />}
    </Dialog>
  );
}

function Body({ kind, objectable, onClose, make, onMade }: MakeRequestProps & { kind: Kind }) {
  const words = useWords();
  const [understood, setUnderstood] = useState(false);
  const [text, setText] = useState("");
  const [email, setEmail] = useState("");
  const [ground, setGround] = useState("");
  const [against, setAgainst] = useState<readonly string[]>([]);
  const details = (): RequestDetails | undefined => {
    const all: RequestDetails = {};
    if (text.trim()) all.text = text;
    if (kind === "rectification" && email.trim()) all.corrections = [{ field: "email", value: email }];
    if (kind === "restriction" && ground) all.ground = ground;
    if (kind === "objection") all.purpose_ids = [...against];
    return Object.keys(all).length > 0 ? all : undefined;
  };
  const incomplete =
    (kind === "erasure" && !understood) || (kind === "objection" && against.length === 0) || (kind === "rectification" && !text.trim() && !email.trim());
  return (
    <ApiForm
      submitLabel={words.requests[kind].confirm}
      submitKind={kind === "erasure" ? "danger" : "primary"}
      disabled={incomplete}
      beside={<Button onPress={onClose}>{words.phrases.cancel}</Button>}
      submit={() => make(kind, details())}
      onDone={(request) => {
        onClose();
        onMade(request);
      }}
    >
      <p>{words.requests[kind].confirmText}</p>
      {kind === "erasure" && (
        <>
          <ul className="consequences">
            {Object.values(words.requests.consequences).map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
          <Tick label={<strong>{words.requests.understood}</strong>} value={understood} onChange={setUnderstood} />
        </>
      )}
      {kind === "objection" &&
        (objectable.length === 0 ? (
          <p>{words.requests.nothingToObject}</p>
        ) : (
          objectable.map((purpose) => (
            <Tick
              key={purpose.id}
              label={purpose.name}
              value={against.includes(purpose.id)}
              onChange={(on) => setAgainst(on ? [...against, purpose.id] : against.filter((id) => id !== purpose.id))}
            />
          ))
        ))}
      {kind === "restriction" && (
        <SelectInput
          name="/details/ground"
          label={words.requests.ground}
          choices={Object.entries(words.requests.grounds).map(([id, label]) => ({ id, label }))}
          value={ground}
          onChange={setGround}
          required={false}
        />
      )}
      {kind === "rectification" && (
        <TextInput name="/details/corrections/0/value" label={words.requests.newEmail} type="email" value={email} onChange={setEmail} required={false} />
      )}
      {["rectification", "restriction", "objection"].includes(kind) && (
        <LongText name="/details/text" label={words.requests[kind === "rectification" ? "whatIsWrong" : "why"]} value={text} onChange={setText} required={false} />
      )}
    </ApiForm>
  );
}
