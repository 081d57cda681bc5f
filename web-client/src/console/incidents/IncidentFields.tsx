import { CardChoice, Tick } from "../../components/choices";
import { LongText, TextInput } from "../../components/fields";
import { useEndpointList } from "../names";
import type { IncidentDraft } from "./draft";
import { EXPOSURES, NATURES } from "./words";

/** What is said about an incident, when it is entered and whenever more is known. */
export function IncidentFields({ draft, set }: { draft: IncidentDraft; set: <K extends keyof IncidentDraft>(key: K, value: IncidentDraft[K]) => void }) {
  const endpoints = useEndpointList() ?? [];
  const toggled = (list: string[], id: string, on: boolean) => (on ? [...list, id] : list.filter((one) => one !== id));
  return (
    <>
      <TextInput name="/title" label="Title" value={draft.title} onChange={(value) => set("title", value)} required autoFocus />
      <LongText name="/facts" label="What happened" value={draft.facts} onChange={(value) => set("facts", value)} required />
      <div className="stack tight">
        {NATURES.map(({ id, label }) => (
          <Tick key={id} name={`/nature/${id}`} label={label} value={draft.nature.includes(id)} onChange={(on) => set("nature", toggled(draft.nature, id, on))} />
        ))}
      </div>
      <CardChoice name="/exposure" label="What got out" choices={EXPOSURES} value={draft.exposure} onChange={(value) => set("exposure", value)} />
      <div className="form-grid">
        <TextInput name="/started_at" label="Since when" type="datetime-local" value={draft.started} onChange={(value) => set("started", value)} required />
        <TextInput name="/ended_at" label="Until when" type="datetime-local" value={draft.ended} onChange={(value) => set("ended", value)} required={false} hint="Empty: it goes on." />
      </div>
      {endpoints.length > 0 && (
        <fieldset className="field">
          <legend className="label">Where</legend>
          <p className="hint">None ticked: everywhere.</p>
          <div className="stack tight">
            {endpoints.map(({ id, slug, name }) => (
              <Tick key={id} name={`/endpoint_ids/${id}`} label={slug} hint={name} value={draft.endpoints.includes(id)} onChange={(on) => set("endpoints", toggled(draft.endpoints, id, on))} />
            ))}
          </div>
        </fieldset>
      )}
    </>
  );
}
