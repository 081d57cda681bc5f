import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { createEndpoint } from "../../api/endpoints";
import type { EndpointIn } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Button } from "../../components/Button";
import { CardChoice, SelectInput } from "../../components/choices";
import { Dialog } from "../../components/Dialog";
import { TextInput } from "../../components/fields";
import { slugFrom } from "../../format/slug";
import { usePurposeList } from "../names";
import { KINDS, RECORDS, purposeChoices } from "./choices";
import { SecretDialog } from "./SecretDialog";

export function NewEndpoint({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const navigate = useNavigate();
  const [made, setMade] = useState<{ id: string; secret: string }>();
  return (
    <>
      <Dialog title="New endpoint" isOpen={isOpen && !made} onClose={onClose}>
        <NewEndpointForm onClose={onClose} onMade={(id, secret) => setMade({ id, secret })} />
      </Dialog>
      <SecretDialog
        secret={made?.secret}
        title="Your endpoint is open"
        note="Your back end signs connection tokens with it. It is shown this once; a new one can be made at any time."
        onClose={() => {
          const id = made?.id;
          setMade(undefined);
          onClose();
          if (id) navigate(`/endpoints/${id}`);
        }}
      />
    </>
  );
}

function NewEndpointForm({ onClose, onMade }: { onClose: () => void; onMade: (id: string, secret: string) => void }) {
  const cache = useQueryClient();
  const purposes = usePurposeList();
  const [name, setName] = useState("");
  const [ownSlug, setOwnSlug] = useState<string>();
  const [kind, setKind] = useState<EndpointIn["kind"]>("channel");
  const [upstream, setUpstream] = useState("");
  const [record, setRecord] = useState("before");
  const [purpose, setPurpose] = useState("");
  const slug = ownSlug ?? slugFrom(name);

  const submit = () => {
    const input: EndpointIn = { slug, name: name || slug, kind, record: record as NonNullable<EndpointIn["record"]> };
    if (kind === "relay") input.upstream_url = upstream;
    if (purpose) input.purpose_id = purpose;
    return createEndpoint(input);
  };

  return (
    <ApiForm
      submit={submit}
      submitLabel="Create endpoint"
      beside={<Button onPress={onClose}>Cancel</Button>}
      onDone={(endpoint) => {
        void cache.invalidateQueries({ queryKey: ["endpoints"] });
        void cache.invalidateQueries({ queryKey: ["usage"] });
        onMade(endpoint.id, endpoint.secret ?? "");
      }}
    >
      <CardChoice name="/kind" label="Kind" choices={KINDS} value={kind} onChange={(value) => setKind(value as EndpointIn["kind"])} />
      <div className="form-grid">
        <TextInput name="/name" label="Name" value={name} onChange={setName} autoFocus placeholder="Support chat" />
        <TextInput name="/slug" label="Short name" value={slug} onChange={setOwnSlug} required code hint="Part of its address." />
      </div>
      {kind === "relay" && <TextInput name="/upstream_url" label="Your back end’s address" type="url" value={upstream} onChange={setUpstream} required code placeholder="wss://realtime.example.com/socket" />}
      <SelectInput name="/record" label="Record messages" choices={RECORDS} value={record} onChange={setRecord} hint="Whether anything is kept, and how long, is said by retention rules." />
      <SelectInput name="/purpose_id" label="Purpose" choices={purposeChoices(purposes)} value={purpose} onChange={setPurpose} hint="What its messages are for. When the purpose waits for consent, only people who gave it can connect." />
    </ApiForm>
  );
}
