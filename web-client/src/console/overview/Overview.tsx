import { useQuery } from "@tanstack/react-query";
import { getUsage } from "../../api/tenant";
import { Card, Page } from "../../components/Page";
import { Loaded } from "../../components/states";
import { useMay, useMe } from "../session";
import { FirstSteps } from "./FirstSteps";
import { LastEvents } from "./LastEvents";
import { NextToExpire } from "./NextToExpire";
import { Quotas } from "./Quotas";
import { Tiles } from "./Tiles";
import { UsageChart } from "./UsageChart";

export function Overview() {
  const me = useMe();
  const may = useMay();
  const usage = useQuery({ queryKey: ["usage"], queryFn: getUsage, refetchInterval: 10_000, enabled: may("tenant:read") });
  return (
    <Page title={me.tenant.name} tab="Overview" lede="What flows through your endpoints now, what is kept, and what leaves next.">
      <Loaded query={usage} lines={3}>
        {(data) => (
          <>
            <Tiles usage={data} />
            <FirstSteps usage={data} />
          </>
        )}
      </Loaded>
      <div className="grid-2">
        <div className="stack wide-gap">
          <Card title="Messages by day">
            <Loaded query={usage} lines={4}>{(data) => <UsageChart days={data.days} />}</Loaded>
          </Card>
          <Card title="Quotas">
            <Loaded query={usage} lines={4}>{(data) => <Quotas usage={data} />}</Loaded>
          </Card>
        </div>
        <div className="stack wide-gap">
          {may("rules:read") && <NextToExpire />}
          {may("audit:read") && <LastEvents />}
        </div>
      </div>
    </Page>
  );
}
