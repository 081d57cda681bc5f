import { useQuery } from "@tanstack/react-query";
import { getHold } from "../../api/holds";
import { Moment } from "../../components/moments";
import { Loaded } from "../../components/states";
import { counted } from "../../format/number";
import { useNames } from "../names";
import { coverageOf } from "./holdWords";

/** A hold in full. What the messages say is for the API alone: opening them is recorded. */
export function HoldDetails({ id }: { id: string }) {
  const names = useNames();
  const hold = useQuery({ queryKey: ["holds", id], queryFn: () => getHold(id) });
  return (
    <Loaded query={hold} lines={4}>
      {(hold) => (
        <div className="stack">
          <p>
            {coverageOf(hold, names)}. {counted(hold.kept, "message")} would be gone without it.
          </p>
          <p className="soft">{hold.reason}</p>
          <p className="faint small">
            Placed <Moment at={hold.created_at} />. Its receipt: <code>{hold.placed_receipt_url}</code>
          </p>
          {hold.lifted_receipt_url && (
            <p className="faint small">
              Over since <Moment at={hold.lifted_at} />. The receipt of that: <code>{hold.lifted_receipt_url}</code>
            </p>
          )}
        </div>
      )}
    </Loaded>
  );
}
