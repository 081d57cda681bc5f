import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getUpstream, verifyUpstream } from "../../api/endpoints";
import type { Endpoint } from "../../api/types";
import { useAction } from "../../components/action";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { CopyField } from "../../components/Copy";
import { Moment } from "../../components/moments";
import { Card } from "../../components/Page";
import { Loaded } from "../../components/states";
import { useMay } from "../session";

const FAULTS = {
  unreachable: "It did not answer.",
  wrong_status: "It answered with another status than 200.",
  wrong_answer: "It answered with another text.",
};

/** Whether the back end was proven to be the tenant's, and what it has to answer. */
export function UpstreamProof({ endpoint }: { endpoint: Endpoint }) {
  const may = useMay();
  const cache = useQueryClient();
  const proof = useQuery({ queryKey: ["upstream", endpoint.id], queryFn: () => getUpstream(endpoint.id), refetchInterval: 5_000 });
  const verify = useAction(async () => {
    cache.setQueryData(["upstream", endpoint.id], await verifyUpstream(endpoint.id));
    await cache.invalidateQueries({ queryKey: ["endpoints", endpoint.id] });
  });
  return (
    <Card
      title="Whose back end it is"
      aside={
        may("endpoints:write") && (
          <Button size="small" onPress={() => verify.run()}>
            Ask it now
          </Button>
        )
      }
    >
      <Loaded query={proof} lines={2}>
        {(data) => (
          <div className="stack">
            {data.state === "unproven" && <p>Nobody can connect yet. Your back end has to answer this address with this text; one that knows the endpoint’s secret can work it out by itself.</p>}
            <dl className="facts">
              <dt>State</dt>
              <dd>
                {data.state === "unproven" && <Badge tone="warn">not proven yet</Badge>}
                {data.state === "proven" && <Badge tone="good">proven</Badge>}
                {data.state === "exempt" && <Badge>the operator vouches for it</Badge>}
                {data.proven_at && (
                  <>
                    {" "}
                    <Moment at={data.proven_at} />
                  </>
                )}
              </dd>
              {data.tried_at && (
                <>
                  <dt>Last asked</dt>
                  <dd>
                    <Moment at={data.tried_at} /> {data.fault && FAULTS[data.fault]}
                  </dd>
                </>
              )}
              {data.state === "unproven" && (
                <>
                  <dt>Address</dt>
                  <dd>
                    <CopyField text={data.challenge_url} what="address" />
                  </dd>
                  <dt>Answer</dt>
                  <dd>
                    <CopyField text={data.challenge_answer} what="answer" />
                  </dd>
                </>
              )}
            </dl>
          </div>
        )}
      </Loaded>
    </Card>
  );
}
