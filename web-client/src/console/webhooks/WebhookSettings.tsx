import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import type { Webhook } from "../../api/types";
import { changeWebhook, deleteWebhook, getWebhook, rotateWebhookSecret } from "../../api/webhooks";
import { Button } from "../../components/Button";
import { SwitchInput } from "../../components/choices";
import { Confirm } from "../../components/Dialog";
import { EditForm } from "../../components/EditForm";
import { TextInput } from "../../components/fields";
import { Card } from "../../components/Page";
import { toast } from "../../components/toasts";
import { useEdit } from "../../components/useEdit";
import { fullTime } from "../../format/time";
import { SecretDialog } from "../endpoints/SecretDialog";
import { useMay } from "../session";
import { EventTicks } from "./EventTicks";
import { LABELS, toDraft, toPatch } from "./webhookDraft";

export function WebhookSettings({ webhook }: { webhook: Webhook }) {
  const may = useMay();
  const cache = useQueryClient();
  const edit = useEdit(toDraft(webhook), webhook.version);
  const { draft, set } = edit;
  if (!may("webhooks:write")) return <Card title="Settings">Only a developer or an admin can change webhooks.</Card>;
  return (
    <div className="stack wide-gap">
      <Card title="Settings">
        <EditForm
          edit={edit}
          toDraft={toDraft}
          labels={LABELS}
          save={(version, changes) => changeWebhook(webhook.id, version, toPatch(changes))}
          reload={() => getWebhook(webhook.id)}
          onSaved={(saved) => {
            cache.setQueryData(["webhooks", webhook.id], saved);
            void cache.invalidateQueries({ queryKey: ["webhooks", "list"] });
            toast({ title: "Saved." });
          }}
        >
          <SwitchInput name="/enabled" label="On" hint="Off, what happens is not written down for it." value={draft.enabled} onChange={(value) => set("enabled", value)} />
          <TextInput name="/url" label="Address" type="url" code value={draft.url} onChange={(value) => set("url", value)} required={false} hint="What already waits goes to the new address." />
          <TextInput name="/description" label="Description" value={draft.description} onChange={(value) => set("description", value)} required={false} />
          <EventTicks value={draft.events} onChange={(value) => set("events", [...value].sort())} />
          <TextInput name="/channel_prefix" label="Only channels that begin with" code value={draft.channel_prefix} onChange={(value) => set("channel_prefix", value)} required={false} />
        </EditForm>
      </Card>
      <Secret webhook={webhook} />
      <Delete webhook={webhook} />
    </div>
  );
}

function Secret({ webhook }: { webhook: Webhook }) {
  const cache = useQueryClient();
  const [asking, setAsking] = useState(false);
  const [fresh, setFresh] = useState<{ secret: string; previous_signs_until?: string | undefined }>();
  return (
    <Card title="Secret">
      <p className="soft">
        Was shown when it was made. Lost it? Make a new one; for another 24 hours deliveries are signed with both.
        {webhook.previous_signs_until && ` The one before signs until ${fullTime(webhook.previous_signs_until)}.`}
      </p>
      <div>
        <Button onPress={() => setAsking(true)}>New secret…</Button>
      </div>
      <Confirm
        title="Make a new secret?"
        confirmLabel="Make a new secret"
        kind="primary"
        isOpen={asking}
        onClose={() => setAsking(false)}
        act={() => rotateWebhookSecret(webhook.id)}
        onDone={(made) => {
          setFresh(made);
          void cache.invalidateQueries({ queryKey: ["webhooks", webhook.id] });
        }}
      >
        <p>Deliveries carry two signatures for 24 hours, so that you can change over without losing any.</p>
      </Confirm>
      <SecretDialog title="The new secret" secret={fresh?.secret} note="Shown this once." onClose={() => setFresh(undefined)} />
    </Card>
  );
}

function Delete({ webhook }: { webhook: Webhook }) {
  const cache = useQueryClient();
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  return (
    <Card title="Delete this webhook">
      <p className="soft">Its log and what waits for it go too.</p>
      <div>
        <Button kind="danger" icon="trash" onPress={() => setAsking(true)}>
          Delete…
        </Button>
      </div>
      <Confirm
        title="Delete this webhook?"
        confirmLabel="Delete webhook"
        isOpen={asking}
        onClose={() => setAsking(false)}
        act={() => deleteWebhook(webhook.id)}
        onDone={() => {
          void cache.invalidateQueries({ queryKey: ["webhooks", "list"] });
          toast({ title: "The webhook is deleted." });
          navigate("/webhooks");
        }}
      >
        <p>Nothing more is sent, now.</p>
      </Confirm>
    </Card>
  );
}
