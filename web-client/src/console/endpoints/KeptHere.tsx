import { useQuery } from "@tanstack/react-query";
import { explainRule } from "../../api/rules";
import type { Endpoint } from "../../api/types";
import { ButtonLink } from "../../components/Button";
import { Notice } from "../../components/Notice";
import { useMay } from "../session";

/** Says so when no retention rule covers an endpoint that should record: nothing is kept then, which surprises people once. */
export function KeptHere({ endpoint }: { endpoint: Endpoint }) {
  const may = useMay();
  const query = useQuery({
    queryKey: ["rules", "explain", endpoint.id],
    queryFn: () => explainRule({ endpoint_id: endpoint.id }),
    enabled: may("rules:read") && endpoint.record !== "never",
  });
  if (!query.data || query.data.rule) return null;
  return (
    <Notice>
      <div className="row between tight">
        <span>Messages pass here and nothing is kept: no retention rule covers this endpoint as a whole.</span>
        {may("rules:write") && (
          <ButtonLink to={`/rules?new=1&endpoint=${endpoint.id}`} size="small" icon="plus">
            New rule
          </ButtonLink>
        )}
      </div>
    </Notice>
  );
}
