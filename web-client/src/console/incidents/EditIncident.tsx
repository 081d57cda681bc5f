import { useQueryClient } from "@tanstack/react-query";
import { getIncident, updateIncident } from "../../api/incidents";
import type { Incident } from "../../api/types";
import { Button } from "../../components/Button";
import { EditForm } from "../../components/EditForm";
import { toast } from "../../components/toasts";
import { useEdit } from "../../components/useEdit";
import { IncidentFields } from "./IncidentFields";
import { toDraft, toPatch } from "./draft";

/** More is known by now: other facts, another way out, another time or place. */
export function EditIncident({ incident, onClose }: { incident: Incident; onClose: () => void }) {
  const cache = useQueryClient();
  const edit = useEdit(toDraft(incident), incident.version);
  return (
    <EditForm
      edit={edit}
      toDraft={toDraft}
      labels={{ facts: "what happened", nature: "its nature", exposure: "what got out", endpoints: "where", started: "since when", ended: "until when" }}
      save={(version, changes) => updateIncident(incident.id, version, toPatch(changes))}
      reload={() => getIncident(incident.id)}
      onSaved={(saved) => {
        cache.setQueryData(["incident", saved.id], saved);
        void cache.invalidateQueries({ queryKey: ["incidents"] });
        toast({ title: saved.scope_is_stale ? "Saved. Count anew whom it touched." : "Saved." });
        onClose();
      }}
      beside={<Button onPress={onClose}>Cancel</Button>}
    >
      <IncidentFields draft={edit.draft} set={edit.set} />
    </EditForm>
  );
}
