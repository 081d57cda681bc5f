// What is typed into the form of an incident, and what the API wants of it.

import type { Incident, IncidentIn, IncidentPatch } from "../../api/types";
import { orNull } from "../../components/useEdit";
import { instant, localMinute } from "../../format/local";

export interface IncidentDraft {
  title: string;
  facts: string;
  nature: string[];
  exposure: string;
  endpoints: string[];
  /** As `<input type="datetime-local">` holds them, in the visitor's zone. */
  started: string;
  ended: string;
}

export function emptyDraft(now: Date): IncidentDraft {
  return { title: "", facts: "", nature: ["confidentiality"], exposure: "live", endpoints: [], started: localMinute(now), ended: "" };
}

export function toDraft(incident: Incident): IncidentDraft {
  const { title, facts, nature, exposure, endpoint_ids, started_at, ended_at } = incident;
  return { title, facts, nature, exposure, endpoints: endpoint_ids, started: localMinute(started_at), ended: localMinute(ended_at) };
}

/** `aware`: when they became aware, local; empty: now. */
export function toInput(draft: IncidentDraft, aware: string, risk: string): IncidentIn {
  const { title, facts, nature, exposure, endpoints, started, ended } = draft;
  return {
    title,
    facts,
    nature,
    exposure: exposure as IncidentIn["exposure"],
    risk: risk as Incident["risk"],
    endpoint_ids: endpoints,
    started_at: instant(started),
    ...(ended && { ended_at: instant(ended) }),
    ...(aware && { aware_at: instant(aware) }),
  };
}

/** Only what was changed: minutes that nobody touched keep their seconds. */
export function toPatch(changes: Partial<IncidentDraft>): IncidentPatch {
  const { endpoints, started, ended, exposure, ...rest } = changes;
  const patch: IncidentPatch = { ...rest };
  if (exposure !== undefined) patch.exposure = exposure as Incident["exposure"];
  if (endpoints !== undefined) patch.endpoint_ids = endpoints;
  if (started !== undefined) patch.started_at = instant(started);
  if (ended !== undefined) Object.assign(patch, { ended_at: orNull(ended && instant(ended)) });
  return patch;
}
