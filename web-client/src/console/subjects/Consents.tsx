import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { getConsentStates, listConsents, recordConsent } from "../../api/subjects";
import type { ConsentEvent, Subject } from "../../api/types";
import { Badge } from "../../components/Badge";
import { Button, DownloadLink } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { Confirm, Dialog } from "../../components/Dialog";
import { ListBody, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { Card } from "../../components/Page";
import { Loaded } from "../../components/states";
import { toast } from "../../components/toasts";
import { counted } from "../../format/number";
import { useNames } from "../names";
import { useMay } from "../session";
import { consentState } from "./consentWords";
import { RecordConsent } from "./RecordConsent";

export function Consents({ subject }: { subject: Subject }) {
  const may = useMay();
  const names = useNames();
  const cache = useQueryClient();
  const states = useQuery({ queryKey: ["subject", subject.id, "consents"], queryFn: () => getConsentStates(subject.id) });
  const events = useList(["subject", subject.id, "consent-events"], (cursor) => listConsents({ subject_id: subject.id, cursor }));
  const [recording, setRecording] = useState(false);
  const [withdrawing, setWithdrawing] = useState<{ purpose_id: string; purpose: string }>();
  const refresh = () => void cache.invalidateQueries({ queryKey: ["subject", subject.id] });

  const columns: Column<ConsentEvent>[] = [
    { header: "Purpose", primary: true, cell: (row) => names.purpose(row.purpose_id) },
    { header: "State", cell: (row) => <Badge tone={consentState(row.state).tone}>{consentState(row.state).words}</Badge> },
    { header: "How", cell: (row) => row.method },
    { header: "When", cell: (row) => <Moment at={row.at} /> },
    { header: "Cut off", cell: (row) => (row.cutoffs && row.cutoffs.length > 0 ? counted(row.cutoffs.length, "connection") : "") },
    { header: "Actions", actions: true, cell: (row) => row.receipt_url && (
      <DownloadLink href={row.receipt_url} kind="quiet" size="small">
        Receipt
      </DownloadLink>
    ) },
  ];

  return (
    <div className="stack wide-gap">
      <Card
        title="As it stands"
        aside={
          may("consents:write") && (
            <Button size="small" icon="plus" onPress={() => setRecording(true)}>
              Record…
            </Button>
          )
        }
      >
        <Loaded query={states} lines={3}>
          {({ items }) =>
            items.length === 0 ? (
              <p className="faint">No consent is on record. What waits for consent stays closed to them.</p>
            ) : (
              <ul role="list" className="stack">
                {items.map((state) => (
                  <li key={state.purpose_id} className="row between">
                    <span className="stack" style={{ gap: 0 }}>
                      <span className="row tight">
                        <strong>{names.purpose(state.purpose_id)}</strong>
                        <Badge tone={consentState(state.state).tone}>{consentState(state.state).words}</Badge>
                        {!state.valid && consentState(state.state).tone === "good" && <Badge tone="warn">no longer valid</Badge>}
                      </span>
                      <span className="faint small">
                        since <Moment at={state.since} />
                      </span>
                    </span>
                    {state.valid && may("consents:write") && (
                      <Button size="small" kind="quiet bad" onPress={() => setWithdrawing({ purpose_id: state.purpose_id, purpose: names.purpose(state.purpose_id) })}>
                        Withdraw…
                      </Button>
                    )}
                  </li>
                ))}
              </ul>
            )
          }
        </Loaded>
      </Card>
      <section className="card">
        <div className="card-head" style={{ padding: "var(--s5) var(--s4) var(--s2)" }}>
          <h2>History</h2>
        </div>
        <ListBody list={events} empty={<p className="faint" style={{ padding: "0 var(--s4) var(--s5)" }}>Every change will be listed here; nothing is ever overwritten.</p>}>
          {(items) => <DataTable caption="Consent history" columns={columns} rows={items} rowKey={(row) => row.id} />}
        </ListBody>
      </section>
      <Dialog title={`Record a consent of ${subject.external_id}`} isOpen={recording} onClose={() => setRecording(false)}>
        <RecordConsent
          subject={subject}
          onClose={() => setRecording(false)}
          onDone={() => {
            setRecording(false);
            refresh();
          }}
        />
      </Dialog>
      <Confirm
        title={`Withdraw for ${withdrawing?.purpose ?? ""}?`}
        confirmLabel="Record the withdrawal"
        isOpen={withdrawing !== undefined}
        onClose={() => setWithdrawing(undefined)}
        act={() => recordConsent({ subject_id: subject.id, purpose_id: withdrawing?.purpose_id ?? "", state: "withdrawn", method: "console" })}
        onDone={(event) => {
          refresh();
          toast({ title: "Withdrawn.", detail: event.cutoffs && event.cutoffs.length > 0 ? `${counted(event.cutoffs.length, "live connection")} cut off.` : "They had no live connection." });
        }}
      >
        <p>On behalf of {subject.external_id}. Their live connections for this purpose end before the answer arrives, and nothing more is delivered.</p>
      </Confirm>
    </div>
  );
}
