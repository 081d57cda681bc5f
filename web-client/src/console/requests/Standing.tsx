import { useState } from "react";
import { liftRequest } from "../../api/requests";
import type { LiftingIn, SubjectRequest } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Button } from "../../components/Button";
import { Tick } from "../../components/choices";
import { Dialog } from "../../components/Dialog";
import { LongText, TextInput } from "../../components/fields";
import { Card } from "../../components/Page";
import { instant } from "../../format/local";
import { fullTime } from "../../format/time";
import { useMay } from "../session";
import { stands } from "./words";

/** A restriction or an objection that is in force, and its end, which the person hears of before (Art. 18(3)). */
export function Standing({ request, onChanged }: { request: SubjectRequest; onChanged: (request: SubjectRequest, words: string) => void }) {
  const may = useMay();
  const [lifting, setLifting] = useState(false);
  const close = () => setLifting(false);
  const restriction = request.kind === "restriction";
  if (!stands(request) && !request.lifted_at) return null;
  return (
    <Card title={restriction ? "The restriction" : "The objection"}>
      {request.lifted_at ? (
        <p className="soft">It ended {fullTime(request.lifted_at)}.</p>
      ) : request.lift_at ? (
        <p className="soft">It ends {fullTime(request.lift_at)}. They were told.</p>
      ) : (
        <p className="soft">{restriction ? "It stands: their data is only stored, until its end is announced." : "It stands: what they object to does not happen, until its end is announced."}</p>
      )}
      {stands(request) && may("requests:write") && (
        <div className="row">
          <Button onPress={() => setLifting(true)}>{request.lift_at ? "Announce another end…" : restriction ? "Lift the restriction…" : "End the objection…"}</Button>
        </div>
      )}
      <Dialog title={restriction ? "Lift the restriction" : "End the objection"} isOpen={lifting} onClose={close}>
        <Lift
          request={request}
          onClose={close}
          onDone={(changed) => {
            close();
            onChanged(changed, "They are told when it ends.");
          }}
        />
      </Dialog>
    </Card>
  );
}

function Lift({ request, onClose, onDone }: { request: SubjectRequest; onClose: () => void; onDone: (request: SubjectRequest) => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState("");
  const [toldOtherwise, setToldOtherwise] = useState(false);
  const submit = () => {
    const input: LiftingIn = { text };
    if (at) input.at = instant(at);
    if (toldOtherwise) input.told_otherwise = true;
    return liftRequest(request.id, input);
  };
  return (
    <ApiForm submitLabel="Announce the end" beside={<Button onPress={onClose}>Cancel</Button>} submit={submit} onDone={onDone}>
      <p className="soft">They are told now, by mail, and it ends at the time you say: the law asks for that order.</p>
      <LongText name="/text" label="Why it ends, in your words, to them" value={text} onChange={setText} required />
      <TextInput name="/at" label="When it ends" type="datetime-local" value={at} onChange={setAt} required={false} hint="Empty: in seven days. At least an hour from now." />
      <Tick name="/told_otherwise" label="I have told them by other means" hint="Where no address of theirs is known here." value={toldOtherwise} onChange={setToldOtherwise} />
    </ApiForm>
  );
}
