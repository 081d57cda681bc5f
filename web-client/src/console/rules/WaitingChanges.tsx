import { useQueryClient } from "@tanstack/react-query";
import { approveChange, cancelChange, listChanges } from "../../api/rules";
import type { RetentionChange } from "../../api/types";
import { Button } from "../../components/Button";
import { ListBody, useList } from "../../components/list";
import { Countdown } from "../../components/moments";
import { Card } from "../../components/Page";
import { toast, toastProblem } from "../../components/toasts";
import { counted } from "../../format/number";
import { actorFrom, useActorNames } from "../actors";
import { useNames } from "../names";
import { useMay } from "../session";
import { sentenceOf } from "./ruleWords";

const BECOMES: Record<RetentionChange["kind"], string> = { create: "New rule", update: "Changed rule", delete: "Deleted rule" };

/** Changes of the rules that would destroy something early, and can still be called off. */
export function WaitingChanges() {
  const may = useMay();
  const names = useNames();
  const actorName = useActorNames();
  const cache = useQueryClient();
  const list = useList(["rules", "changes"], (cursor) => listChanges({ state: "pending", ...(cursor === undefined ? {} : { cursor }) }), { every: 15_000 });
  const act = async (what: Promise<unknown>, title: string) => {
    try {
      await what;
      toast({ title });
    } catch (error) {
      toastProblem(error);
    }
    void cache.invalidateQueries({ queryKey: ["rules"] });
  };
  return (
    <Card title="Changes that wait">
      <ListBody list={list} empty={<p className="faint">None. A change that would destroy something early waits here first.</p>}>
        {(items) => (
          <ul role="list" className="stack tight">
            {items.map((change) => (
              <li key={change.id} className="row between">
                <span className="stack" style={{ gap: 0 }}>
                  <span>
                    {BECOMES[change.kind]}: {sentenceOf(change.draft, names)}
                  </span>
                  <span className="faint small">
                    Would destroy {counted(change.messages, "message")}, asked for by {actorName(actorFrom(change.proposed_by))}; acts in <Countdown to={change.effective_at} />
                    {change.needs_approval && !change.approved_at && " once a second member approves it"}
                  </span>
                </span>
                {may("rules:write") && (
                  <span className="row">
                    {change.needs_approval && !change.approved_at && <Button onPress={() => void act(approveChange(change.id), "Approved.")}>Approve</Button>}
                    <Button onPress={() => void act(cancelChange(change.id), "Called off.")}>Call off</Button>
                  </span>
                )}
              </li>
            ))}
          </ul>
        )}
      </ListBody>
    </Card>
  );
}
