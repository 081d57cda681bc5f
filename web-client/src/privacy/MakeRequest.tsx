import { useState } from "react";
import type { SubjectRequest } from "../api/types";
import { ApiForm } from "../components/ApiForm";
import { Button } from "../components/Button";
import { Tick } from "../components/choices";
import { Dialog } from "../components/Dialog";
import { useWords } from "./words";

interface MakeRequestProps {
  kind: SubjectRequest["kind"] | undefined;
  onClose: () => void;
  make: (kind: SubjectRequest["kind"]) => Promise<SubjectRequest>;
  onMade: (request: SubjectRequest) => void;
}

/** Says what will happen before it does; deletion needs one more tick. */
export function MakeRequest({ kind, onClose, make, onMade }: MakeRequestProps) {
  const words = useWords();
  return (
    <Dialog title={kind ? words.requests[kind].confirmTitle : ""} isOpen={kind !== undefined} onClose={onClose} role="alertdialog">
      {kind && <Body kind={kind} onClose={onClose} make={make} onMade={onMade} />}
    </Dialog>
  );
}

function Body({ kind, onClose, make, onMade }: MakeRequestProps & { kind: SubjectRequest["kind"] }) {
  const words = useWords();
  const [understood, setUnderstood] = useState(false);
  return (
    <ApiForm
      submitLabel={words.requests[kind].confirm}
      submitKind={kind === "erasure" ? "danger" : "primary"}
      disabled={kind === "erasure" && !understood}
      beside={<Button onPress={onClose}>{words.cancel}</Button>}
      submit={() => make(kind)}
      onDone={(request) => {
        onClose();
        onMade(request);
      }}
    >
      <p>{words.requests[kind].confirmText}</p>
      {kind === "erasure" && (
        <>
          <ul className="consequences">
            {words.requests.erasure.consequences.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
          <Tick label={<strong>{words.requests.erasure.understood}</strong>} value={understood} onChange={setUnderstood} />
        </>
      )}
    </ApiForm>
  );
}
