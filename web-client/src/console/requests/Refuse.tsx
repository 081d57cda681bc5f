import { useState } from "react";
import { refuseRequest } from "../../api/requests";
import type { SubjectRequest } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Button } from "../../components/Button";
import { SelectInput } from "../../components/choices";
import { LongText } from "../../components/fields";
import { refusalsFor } from "./words";

export function Refuse({ request, onClose, onDone }: { request: SubjectRequest; onClose: () => void; onDone: (request: SubjectRequest) => void }) {
  const [code, setCode] = useState("");
  const [text, setText] = useState("");
  return (
    <ApiForm submitLabel="Refuse" submitKind="danger" beside={<Button onPress={onClose}>Cancel</Button>} submit={() => refuseRequest(request.id, { code, text })} onDone={onDone}>
      <p className="soft">They are told the ground and your words, and that they may complain to the authority or go to court.</p>
      <SelectInput name="/code" label="Ground" choices={refusalsFor(request.kind)} value={code} onChange={setCode} required />
      <LongText name="/text" label="In your words, to them" value={text} onChange={setText} required />
    </ApiForm>
  );
}
