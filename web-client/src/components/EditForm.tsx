import { type ReactNode, useState } from "react";
import { ApiForm } from "./ApiForm";
import { Button } from "./Button";
import { Notice } from "./Notice";
import { toast } from "./toasts";
import { type Edit, difference } from "./useEdit";

interface EditFormProps<R extends { version: number }, D extends object> {
  edit: Edit<D>;
  toDraft: (resource: R) => D;
  save: (version: number, changes: Partial<D>) => Promise<R>;
  /** Reads the resource as it is now, after a conflict. */
  reload: () => Promise<R>;
  onSaved: (resource: R) => void;
  /** Names of fields for the conflict note. */
  labels: Partial<Record<keyof D, string>>;
  submitLabel?: string;
  beside?: ReactNode;
  children: ReactNode;
}

/** A form on a versioned resource. When somebody else was faster it shows what they changed, and lets the visitor keep or drop their own edits. */
export function EditForm<R extends { version: number }, D extends object>({ edit, toDraft, save, reload, onSaved, labels, submitLabel = "Save changes", beside, children }: EditFormProps<R, D>) {
  const [conflict, setConflict] = useState<{ latest: R; theirs: string[] }>();
  const [before, setBefore] = useState(edit.draft);

  const onConflict = async () => {
    const latest = await reload();
    const theirs = Object.keys(difference({ ...before }, toDraft(latest))).map((key) => labels[key as keyof D] ?? key);
    setConflict({ latest, theirs });
  };

  return (
    <ApiForm
      submit={() => save(edit.version, edit.changes)}
      onDone={(saved) => {
        setConflict(undefined);
        setBefore(toDraft(saved));
        edit.reset(saved, toDraft(saved));
        onSaved(saved);
      }}
      submitLabel={submitLabel}
      disabled={!edit.dirty || conflict !== undefined}
      beside={beside}
      onProblem={(problem) => {
        if (problem.status !== 412) return false;
        onConflict().catch(() => toast({ tone: "bad", title: "Somebody changed this meanwhile", detail: "Reload the page to see the current version." }));
        return true;
      }}
    >
      {children}
      {conflict && (
        <Notice tone="warn">
          <div className="stack tight">
            <p>
              <strong>Somebody changed this while you were editing.</strong> {conflict.theirs.length > 0 && `Theirs: ${conflict.theirs.join(", ")}.`} Nothing of yours was saved yet.
            </p>
            <div className="row tight">
              <Button
                size="small"
                onPress={() => {
                  edit.rebase(conflict.latest, toDraft(conflict.latest));
                  setBefore(toDraft(conflict.latest));
                  setConflict(undefined);
                }}
              >
                Put mine on top of theirs
              </Button>
              <Button
                size="small"
                kind="quiet"
                onPress={() => {
                  edit.reset(conflict.latest, toDraft(conflict.latest));
                  setBefore(toDraft(conflict.latest));
                  setConflict(undefined);
                }}
              >
                Take theirs
              </Button>
            </div>
          </div>
        </Notice>
      )}
    </ApiForm>
  );
}
