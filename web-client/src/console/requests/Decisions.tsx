import { useState } from "react";
import { approveRequest, withdrawRequest } from "../../api/requests";
import type { SubjectRequest } from "../../api/types";
import { Button } from "../../components/Button";
import { Confirm, Dialog } from "../../components/Dialog";
import { useMay } from "../session";
import { Refuse } from "./Refuse";
import { APPROVAL_WORDS, isOpen, requestState } from "./words";

export function Decisions({ request, onChanged }: { request: SubjectRequest; onChanged: (request: SubjectRequest, words: string) => void }) {
  const may = useMay();
  const [asking, setAsking] = useState<"refuse" | "approve" | "withdraw">();
  const close = () => setAsking(undefined);
  const done = (changed: SubjectRequest) => {
    close();
    onChanged(changed, changed.state === "approval" ? "Approved. Somebody else must approve it, too." : `The request is ${requestState(changed.state).words}.`);
  };
  if (!may("requests:write") || !isOpen(request)) return null;
  const erases = request.kind === "erasure";
  return (
    <>
      {request.state === "approval" && (
        <Button kind="primary" onPress={() => setAsking("approve")}>
          Approve…
        </Button>
      )}
      {request.origin === "tenant" && <Button onPress={() => setAsking("withdraw")}>Withdraw…</Button>}
      <Button kind="quiet bad" onPress={() => setAsking("refuse")}>
        Refuse…
      </Button>
      <Dialog title="Refuse this request" isOpen={asking === "refuse"} onClose={close}>
        <Refuse request={request} onClose={close} onDone={done} />
      </Dialog>
      <Confirm title="Approve?" confirmLabel={erases ? "Approve and erase" : "Approve"} kind={erases ? "danger" : "primary"} isOpen={asking === "approve"} onClose={close} act={() => approveRequest(request.id)} onDone={done}>
        <p>{APPROVAL_WORDS[request.kind]}</p>
      </Confirm>
      <Confirm title="Withdraw this request?" confirmLabel="Withdraw it" isOpen={asking === "withdraw"} onClose={close} act={() => withdrawRequest(request.id)} onDone={done}>
        <p>Your team made it. Nothing further is done; it stays in the record as withdrawn.</p>
      </Confirm>
    </>
  );
}
