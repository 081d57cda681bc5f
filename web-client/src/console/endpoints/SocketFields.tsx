import type { Endpoint } from "../../api/types";
import { SelectInput, SwitchInput } from "../../components/choices";
import { TextInput } from "../../components/fields";
import type { Edit } from "../../components/useEdit";
import { SLOW_CONSUMERS } from "./choices";
import type { Draft } from "./endpointDraft";

/** What clients may do on their sockets, and how many of them there may be. */
export function SocketFields({ endpoint, edit: { draft, set } }: { endpoint: Endpoint; edit: Edit<Draft> }) {
  return (
    <>
      {endpoint.kind === "channel" && (
        <fieldset className="stack">
          <legend className="label">Channels</legend>
          <SwitchInput name="/client_events" label="Clients may publish" hint="Events that begin with client-, on private and presence channels." value={draft.client_events} onChange={(value) => set("client_events", value)} />
          <SwitchInput name="/subscription_counts" label="Tell subscribers how many they are" value={draft.subscription_counts} onChange={(value) => set("subscription_counts", value)} />
          <div className="form-grid">
            <TextInput name="/client_events_per_second" label="Client events a second" type="number" value={draft.client_events_per_second} onChange={(value) => set("client_events_per_second", value)} hint="Of one client. 0: any number." />
            <TextInput name="/presence_members" label="Members of a presence channel" type="number" value={draft.presence_members} onChange={(value) => set("presence_members", value)} />
            <TextInput name="/channels_per_session" label="Channels of one client" type="number" value={draft.channels_per_session} onChange={(value) => set("channels_per_session", value)} />
          </div>
        </fieldset>
      )}
      <fieldset className="stack">
        <legend className="label">Limits</legend>
        <div className="form-grid">
          <TextInput name="/max_connections" label="Connections" type="number" value={draft.max_connections} onChange={(value) => set("max_connections", value)} required={false} hint="Empty: as many as the tenant may have." />
          <TextInput name="/max_connections_per_subject" label="Connections of one person" type="number" value={draft.max_connections_per_subject} onChange={(value) => set("max_connections_per_subject", value)} required={false} />
          <TextInput name="/max_connections_per_address" label="Connections from one address" type="number" value={draft.max_connections_per_address} onChange={(value) => set("max_connections_per_address", value)} required={false} />
          <TextInput name="/messages_per_second" label="Messages a second" type="number" value={draft.messages_per_second} onChange={(value) => set("messages_per_second", value)} hint="From one client. 0: any number." />
          <TextInput name="/bytes_per_second" label="Bytes a second" type="number" value={draft.bytes_per_second} onChange={(value) => set("bytes_per_second", value)} hint="From one client. 0: any number." />
          <TextInput name="/authenticate_within_seconds" label="Seconds to sign in" type="number" value={draft.authenticate_within_seconds} onChange={(value) => set("authenticate_within_seconds", value)} required={false} hint="Empty: 10 where the purpose waits for consent." />
        </div>
        <SelectInput name="/slow_consumer" label="A client that reads too slowly" choices={SLOW_CONSUMERS} value={draft.slow_consumer} onChange={(value) => set("slow_consumer", value)} />
      </fieldset>
    </>
  );
}
