import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import type { WebhookIn } from "../../api/types";
import { createWebhook } from "../../api/webhooks";
import { ApiForm } from "../../components/ApiForm";
import { Button } from "../../components/Button";
import { SelectInput } from "../../components/choices";
import { Dialog } from "../../components/Dialog";
import { TextInput } from "../../components/fields";
import { SecretDialog } from "../endpoints/SecretDialog";
import { useEndpointList } from "../names";
import { EventTicks } from "./EventTicks";

export function NewWebhook({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const navigate = useNavigate();
  const [made, setMade] = useState<{ id: string; secret: string }>();
  return (
    <>
      <Dialog title="New webhook" isOpen={isOpen && !made} onClose={onClose} wide>
        <NewWebhookForm onClose={onClose} onMade={setMade} />
      </Dialog>
      <SecretDialog
        secret={made?.secret}
        title="Your webhook is on"
        note="Your receiver checks signatures with it. It is shown this once; a new one can be made at any time."
        onClose={() => {
          const id = made?.id;
          setMade(undefined);
          onClose();
          if (id) navigate(`/webhooks/${id}`);
        }}
      />
    </>
  );
}

function NewWebhookForm({ onClose, onMade }: { onClose: () => void; onMade: (made: { id: string; secret: string }) => void }) {
  const cache = useQueryClient();
  const endpoints = useEndpointList() ?? [];
  const [endpoint, setEndpoint] = useState("");
  const [url, setUrl] = useState("");
  const [description, setDescription] = useState("");
  const [prefix, setPrefix] = useState("");
  const [events, setEvents] = useState(["connected", "disconnected"]);
  const submit = () => {
    const input: WebhookIn = { endpoint_id: endpoint, events };
    if (url) input.url = url;
    if (description) input.description = description;
    if (prefix) input.channel_prefix = prefix;
    return createWebhook(input);
  };
  return (
    <ApiForm
      submit={submit}
      submitLabel="Create webhook"
      disabled={endpoint === "" || events.length === 0}
      beside={<Button onPress={onClose}>Cancel</Button>}
      onDone={(webhook) => {
        void cache.invalidateQueries({ queryKey: ["webhooks", "list"] });
        onMade({ id: webhook.id, secret: webhook.secret });
      }}
    >
      <div className="form-grid">
        <SelectInput name="/endpoint_id" label="Endpoint" choices={endpoints.map(({ id, slug }) => ({ id, label: slug }))} value={endpoint} onChange={setEndpoint} required />
        <TextInput name="/description" label="Description" value={description} onChange={setDescription} required={false} placeholder="Chat back end" />
      </div>
      <TextInput name="/url" label="Address" type="url" code value={url} onChange={setUrl} required={false} placeholder="https://app.example.com/hooks/weir" hint="Left empty, nothing is sent; channels’ comings and goings can be read over the API." />
      <EventTicks value={events} onChange={setEvents} />
      <TextInput name="/channel_prefix" label="Only channels that begin with" code value={prefix} onChange={setPrefix} required={false} placeholder="presence-" />
    </ApiForm>
  );
}
