import { Page } from "../../components/Page";
import { Tabs } from "../../components/Tabs";
import { AccountSettings } from "./AccountSettings";
import { ControllerSettings } from "./ControllerSettings";
import { LawSettings } from "./LawSettings";
import { SignIns } from "./SignIns";
import { TenantSettings } from "./TenantSettings";

export function Settings() {
  return (
    <Page title="Settings">
      <Tabs
        label="Settings"
        tabs={[
          { id: "tenant", label: "Tenant", content: <TenantSettings /> },
          { id: "law", label: "Law and decisions", content: <LawSettings /> },
          { id: "controller", label: "Controller", content: <ControllerSettings /> },
          { id: "account", label: "Your account", content: <AccountSettings /> },
          { id: "sessions", label: "Sessions", content: <SignIns /> },
        ]}
      />
    </Page>
  );
}
