import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { listRequests } from "../../api/requests";
import { changeSubject } from "../../api/subjects";
import type { Subject } from "../../api/types";
import { Button, ButtonLink } from "../../components/Button";
import { Confirm } from "../../components/Dialog";
import { toast } from "../../components/toasts";
import { stands } from "../requests/words";
import { useMay } from "../session";

/** Stops all processing of somebody's data, or lets it go on. What they asked for themselves ends at their request. */
export function Restriction({ subject }: { subject: Subject }) {
  const may = useMay();
  const cache = useQueryClient();
  const [asking, setAsking] = useState(false);
  const requests = useQuery({
    queryKey: ["requests", "restrictions", subject.id],
    queryFn: () => listRequests({ subject_id: subject.id, kind: "restriction", state: "completed", limit: 100 }),
    enabled: subject.restricted && may("requests:read"),
  });
  const asked = subject.restricted ? requests.data?.items.find(stands) : undefined;
  return (
    <div className="row between nowrap-row">
      <p className="soft">
        {asked
          ? "Their data is only stored, because they asked for it. The law wants them to be told before that ends: announce it at their request."
          : subject.restricted
            ? "Their data is only stored: nothing is delivered or read."
            : "Restrict processing: their data is stored and nothing else, until you lift it."}
      </p>
      {asked ? <ButtonLink to={`/requests/${asked.id}`}>Lift it at the request</ButtonLink> : <Button onPress={() => setAsking(true)}>{subject.restricted ? "Lift the restriction…" : "Restrict…"}</Button>}
      <Confirm
        title={subject.restricted ? "Lift the restriction?" : `Restrict processing for ${subject.external_id}?`}
        confirmLabel={subject.restricted ? "Lift it" : "Restrict"}
        kind="primary"
        isOpen={asking}
        onClose={() => setAsking(false)}
        act={() => changeSubject(subject.id, subject.version, { restricted: !subject.restricted })}
        onDone={(saved) => {
          cache.setQueryData(["subject", subject.id], saved);
          toast({ title: saved.restricted ? "Processing is restricted." : "The restriction is lifted." });
        }}
      >
        <p>{subject.restricted ? "They are told of it by mail, where their address is known. From then on their data is delivered and read again." : "Their sockets fall silent and their messages are not read, on any path, until you lift it."}</p>
      </Confirm>
    </div>
  );
}
