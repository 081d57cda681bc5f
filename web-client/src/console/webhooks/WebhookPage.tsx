import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { getWebhook } from "../../api/webhooks";
import { Badge } from "../../components/Badge";
import { LoadedPage } from "../../components/LoadedPage";
import { Page } from "../../components/Page";
import { Tabs } from "../../components/Tabs";
import { useNames } from "../names";
import { Deliveries } from "./Deliveries";
import { WebhookSettings } from "./WebhookSettings";
import { standing } from "./words";

const BACK = { to: "/webhooks", label: "Webhooks" };

export function WebhookPage() {
  const { id = "" } = useParams();
  const names = useNames();
  const query = useQuery({ queryKey: ["webhooks", id], queryFn: () => getWebhook(id), refetchInterval: 10_000 });
  return (
    <LoadedPage query={query} back={BACK}>
      {(webhook) => {
        const { tone, label } = standing(webhook);
        const tabs = [
          { id: "deliveries", label: "Deliveries", content: <Deliveries webhook={webhook} /> },
          { id: "settings", label: "Settings", content: <WebhookSettings webhook={webhook} key={webhook.id} /> },
        ];
        return (
          <Page
            title={webhook.description ?? webhook.url ?? "Kept to be read"}
            back={BACK}
            lede={
              <span className="row tight">
                <Badge tone={tone}>{label}</Badge>
                <span>{names.endpoint(webhook.endpoint_id)}</span>
                {webhook.url && <code>{webhook.url}</code>}
              </span>
            }
          >
            <Tabs label="Webhook" tabs={tabs} />
          </Page>
        );
      }}
    </LoadedPage>
  );
}
