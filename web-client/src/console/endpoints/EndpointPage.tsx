import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { getEndpoint } from "../../api/endpoints";
import { Badge } from "../../components/Badge";
import { LoadedPage } from "../../components/LoadedPage";
import { Page } from "../../components/Page";
import { type TabSpec, Tabs } from "../../components/Tabs";
import { useMay } from "../session";
import { EndpointAssessment } from "./EndpointAssessment";
import { EndpointKeys } from "./EndpointKeys";
import { EndpointLive } from "./EndpointLive";
import { EndpointSettings } from "./EndpointSettings";
import { KeptHere } from "./KeptHere";
import { TryIt } from "./TryIt";

const BACK = { to: "/endpoints", label: "Endpoints" };

export function EndpointPage() {
  const { id = "" } = useParams();
  const may = useMay();
  const query = useQuery({ queryKey: ["endpoints", id], queryFn: () => getEndpoint(id) });
  return (
    <LoadedPage query={query} back={BACK}>
      {(endpoint) => {
        const tabs: TabSpec[] = [
          { id: "connect", label: "Connect", content: <EndpointKeys endpoint={endpoint} /> },
          ...(may("endpoints:write") ? [{ id: "try", label: "Try it", content: <TryIt endpoint={endpoint} /> }] : []),
          { id: "live", label: "Live", content: <EndpointLive endpoint={endpoint} /> },
          ...(may("assessments:read") ? [{ id: "assessment", label: "Assessment", content: <EndpointAssessment endpoint={endpoint} /> }] : []),
          { id: "settings", label: "Settings", content: <EndpointSettings endpoint={endpoint} key={endpoint.id} /> },
        ];
        return (
          <Page
            title={endpoint.name || endpoint.slug}
            back={BACK}
            lede={
              <span className="row tight">
                <Badge tone="accent">{endpoint.kind}</Badge>
                {endpoint.enabled ? <Badge tone="good">open</Badge> : <Badge>closed</Badge>}
                <code>{endpoint.slug}</code>
              </span>
            }
          >
            <KeptHere endpoint={endpoint} />
            <Tabs label="Endpoint" tabs={tabs} />
          </Page>
        );
      }}
    </LoadedPage>
  );
}
