import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { createRequest } from "../../api/requests";
import { eraseSubject } from "../../api/subjects";
import type { Subject } from "../../api/types";
import { Button } from "../../components/Button";
import { Confirm, Dialog } from "../../components/Dialog";
import { Card } from "../../components/Page";
import { toast } from "../../components/toasts";
import { useMay } from "../session";
import { NewRequest } from "./NewRequest";
import { Restriction } from "./Restriction";

/** What a person may ask for, entered by a member: at once, or as a request that is recorded with its due date. */
export function Rights({ subject }: { subject: Subject }) {
  const may = useMay();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const name = subject.external_id ?? "";
  const [asking, setAsking] = useState<"access" | "request" | "erasure">();
  const close = () => setAsking(undefined);
  if (!may("requests:write") && !may("subjects:write")) return null;
  return (
    <Card title="Their rights">
      {may("requests:write") && (
        <>
          <div className="row between nowrap-row">
            <p className="soft">A copy of everything held about them, as a ZIP.</p>
            <Button onPress={() => setAsking("access")}>Prepare a copy…</Button>
          </div>
          <div className="row between nowrap-row">
            <p className="soft">Anything else that they asked you for: files to take elsewhere, a correction, a restriction, an objection.</p>
            <Button onPress={() => setAsking("request")}>Enter a request…</Button>
          </div>
        </>
      )}
      {may("subjects:write") && (
        <>
          <Restriction subject={subject} />
          <div className="row between nowrap-row">
            <p className="soft">Erase everything held about them, here and in every backup.</p>
            <Button kind="danger" icon="trash" onPress={() => setAsking("erasure")}>
              Erase…
            </Button>
          </div>
        </>
      )}
      <Dialog title={`Enter a request of ${name}`} isOpen={asking === "request"} onClose={close}>
        <NewRequest subject={name} onClose={close} onDone={(request) => navigate(`/requests/${request.id}`)} />
      </Dialog>
      <Confirm
        title="Prepare a copy of their data?"
        confirmLabel="Make the request"
        kind="primary"
        isOpen={asking === "access"}
        onClose={close}
        act={() => createRequest({ kind: "access", subject: name })}
        onDone={(request) => navigate(`/requests/${request.id}`)}
      >
        <p>It is recorded as an access request made by you for {name}, with its due date.</p>
      </Confirm>
      <Confirm
        title={`Erase ${name}?`}
        confirmLabel="Erase for good"
        typed={name}
        isOpen={asking === "erasure"}
        onClose={close}
        act={() => eraseSubject(subject.id, name)}
        onDone={(request) => {
          void cache.invalidateQueries({ queryKey: ["subjects"] });
          toast({ title: "The erasure has begun." });
          navigate(`/requests/${request.id}`);
        }}
      >
        <p>Their keys are destroyed, so that no copy in any backup can be read, then the rows go. Their connections close. It cannot be undone.</p>
      </Confirm>
    </Card>
  );
}
