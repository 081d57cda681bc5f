import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { incidentMails, listNotifications, mailAffected, notificationUrl, notifyAuthority } from "../../api/incidents";
import type { Incident } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Button, DownloadLink } from "../../components/Button";
import { Dialog } from "../../components/Dialog";
import { LongText, TextInput } from "../../components/fields";
import { Notice } from "../../components/Notice";
import { Card } from "../../components/Page";
import { Loaded } from "../../components/states";
import { count } from "../../format/number";
import { fullTime } from "../../format/time";
import { useMay } from "../session";
import { useCount } from "./count";
import { scopingInWords } from "./words";

/** Who was told: the authority, phase by phase, and the persons. */
export function Told({ incident }: { incident: Incident }) {
  const may = useMay();
  const notifications = useQuery({ queryKey: ["incident", incident.id, "notifications"], queryFn: () => listNotifications(incident.id) });
  const mails = useQuery({ queryKey: ["incident", incident.id, "mails"], queryFn: () => incidentMails(incident.id), refetchInterval: 3_000 });
  const [asking, setAsking] = useState<"authority" | "persons">();
  const close = () => setAsking(undefined);
  return (
    <Card title="Who was told">
      <Loaded query={notifications} lines={1}>
        {({ items }) =>
          items.length === 0 ? (
            <p className="soft">The authority was not told yet.</p>
          ) : (
            <ul>
              {items.map((one) => (
                <li key={one.id} className="row">
                  <span>
                    The authority, phase {one.phase}: {fullTime(one.sent_at)}
                  </span>
                  <DownloadLink href={notificationUrl(incident.id, one.id)} size="small">
                    What was said
                  </DownloadLink>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      <Loaded query={mails} lines={1}>
        {(told) => (
          <p className="soft">
            Of {count(told.affected)} persons {count(told.sent)} got a mail, {count(told.queued)} wait for theirs, {count(told.failed)} could not be reached by it, of {count(told.unreachable)} no address is known.
          </p>
        )}
      </Loaded>
      {may("incidents:write") && incident.state !== "closed" && (
        <div className="row">
          <Button onPress={() => setAsking("authority")}>The authority is told…</Button>
          <Button onPress={() => setAsking("persons")} isDisabled={!incident.scope || incident.scoping !== undefined}>
            Tell the persons…
          </Button>
        </div>
      )}
      <Dialog title="The authority is told" isOpen={asking === "authority"} onClose={close}>
        <Authority incident={incident} onClose={close} />
      </Dialog>
      <Dialog title="Tell the persons" isOpen={asking === "persons"} onClose={close}>
        <Persons incident={incident} onClose={close} />
      </Dialog>
    </Card>
  );
}

function Authority({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const cache = useQueryClient();
  const [note, setNote] = useState("");
  const [reason, setReason] = useState("");
  const late = incident.late && !incident.notified_at;
  const submit = () => notifyAuthority(incident.id, { ...(note && { note }), ...(reason && { late_reason: reason }) });
  const done = () => {
    void cache.invalidateQueries({ queryKey: ["incident", incident.id] });
    onClose();
  };
  return (
    <ApiForm submit={submit} submitLabel="Note it" beside={<Button onPress={onClose}>Cancel</Button>} onDone={done}>
      <p className="soft">Send the form through the portal of your authority. Noting it here keeps the form as it is now and stops the clock.</p>
      <TextInput name="/note" label="Its reference" value={note} onChange={setNote} required={false} />
      {late && <LongText name="/late_reason" label="Why it comes after 72 hours" value={reason} onChange={setReason} required />}
    </ApiForm>
  );
}

function Persons({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const cache = useQueryClient();
  const [message, setMessage] = useState("");
  const { run, busy } = useCount(incident);
  // It was counted over something else; the way out is to count again.
  if (incident.scope_is_stale || incident.scoping) {
    return (
      <div className="stack">
        <Notice tone="warn">{incident.scoping ? scopingInWords(incident.scoping) : "What got out, when or where was changed since it was counted whom it touched. Count again first."}</Notice>
        <div className="dialog-actions">
          <Button onPress={onClose}>Cancel</Button>
          <Button kind="primary" onPress={() => void run()} isPending={busy || incident.scoping !== undefined}>
            Count again
          </Button>
        </div>
      </div>
    );
  }
  const done = () => {
    void cache.invalidateQueries({ queryKey: ["incident", incident.id, "mails"] });
    onClose();
  };
  return (
    <ApiForm submit={() => mailAffected(incident.id, message)} submitLabel="Send the mails" beside={<Button onPress={onClose}>Cancel</Button>} onDone={done}>
      <p className="soft">Everybody whom it touched is told once. Persons of whom nobody can read anything are left out.</p>
      <LongText name="/message" label="What happened, and what they can do" value={message} onChange={setMessage} required />
    </ApiForm>
  );
}
