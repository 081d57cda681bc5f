import { useQuery } from "@tanstack/react-query";
import { getPool, orderPool } from "../../api/endpoints";
import type { Endpoint } from "../../api/types";
import { useAction } from "../../components/action";
import { Button } from "../../components/Button";
import { Card } from "../../components/Page";
import { Loaded } from "../../components/states";
import { count } from "../../format/number";
import { useMay } from "../session";

const BREAKERS = { closed: "Takes connections", half_open: "Being tried again", open: "Left alone for a while: it refused too often" };

/** What all nodes hold of sockets to the back end, and what they can be told. */
export function Pool({ endpoint }: { endpoint: Endpoint }) {
  const may = useMay();
  const pool = useQuery({ queryKey: ["pool", endpoint.id], queryFn: () => getPool(endpoint.id), refetchInterval: 2_000 });
  const order = useAction(async (what: "pause" | "resume" | "drain" | "reconnect") => {
    await orderPool(endpoint.id, what);
    await pool.refetch();
  });
  const stopped = pool.data !== undefined && pool.data.state !== "open" && pool.data.state !== "unused";
  return (
    <Card
      title="Connections to your back end"
      aside={
        may("endpoints:write") && (
          <>
            {stopped ? (
              <Button size="small" onPress={() => order.run("resume")}>
                Resume
              </Button>
            ) : (
              <Button size="small" onPress={() => order.run("pause")}>
                Pause
              </Button>
            )}
            <Button size="small" onPress={() => order.run("reconnect")}>
              Reconnect
            </Button>
          </>
        )
      }
    >
      <Loaded query={pool} lines={2}>
        {(data) => (
          <dl className="facts num">
            <dt>State</dt>
            <dd>{data.state}</dd>
            <dt>Back end</dt>
            <dd>{BREAKERS[data.breaker]}</dd>
            <dt>In use</dt>
            <dd>
              {count(data.active)} of at most {count(data.max)}, on {count(data.nodes.length)} {data.nodes.length === 1 ? "node" : "nodes"}
            </dd>
            <dt>Warm and idle</dt>
            <dd>
              {count(data.idle)} (at least {count(data.min)} kept on each node)
            </dd>
            <dt>Opening, closing</dt>
            <dd>
              {count(data.connecting)}, {count(data.closing)}
            </dd>
            <dt>Waiting</dt>
            <dd>
              {count(data.waiting)}
              {data.waiting > 0 && `, the first for ${count(data.max_wait_ms)} ms`}
            </dd>
            <dt>Connects, failures</dt>
            <dd>
              {count(data.connects)}, {count(data.failures)}
            </dd>
          </dl>
        )}
      </Loaded>
    </Card>
  );
}
