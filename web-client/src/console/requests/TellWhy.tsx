import { useState } from "react";
import type { SubjectRequest } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Button } from "../../components/Button";
import { type Choice, SelectInput } from "../../components/choices";
import { LongText } from "../../components/fields";

interface TellWhyProps {
  lede: string;
  choices: readonly Choice[];
  textLabel: string;
  submitLabel: string;
  submit: (input: { reason: string; text: string }) => Promise<SubjectRequest>;
  onClose: () => void;
  onDone: (request: SubjectRequest) => void;
}

/** A coded reason, and the words that the person gets. */
export function TellWhy({ lede, choices, textLabel, submitLabel, submit, onClose, onDone }: TellWhyProps) {
  const [reason, setReason] = useState(choices.length === 1 ? (choices[0]?.id ?? "") : "");
  const [text, setText] = useState("");
  return (
    <ApiForm submitLabel={submitLabel} beside={<Button onPress={onClose}>Cancel</Button>} submit={() => submit({ reason, text })} onDone={onDone}>
      <p className="soft">{lede}</p>
      <SelectInput name="/reason" label="Reason" choices={choices} value={reason} onChange={setReason} required />
      <LongText name="/text" label={textLabel} value={text} onChange={setText} required />
    </ApiForm>
  );
}
