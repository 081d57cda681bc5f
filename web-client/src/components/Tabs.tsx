import type { ReactNode } from "react";
import { Tabs as AriaTabs, Tab, TabList, TabPanel } from "react-aria-components";
import { useSearchParams } from "react-router";

export interface TabSpec {
  id: string;
  label: string;
  content: ReactNode;
}

/** Tabs whose choice stands in the address (`?tab=…`), so that a reload or a link keeps it. */
export function Tabs({ label, tabs }: { label: string; tabs: readonly TabSpec[] }) {
  const [search, setSearch] = useSearchParams();
  const wanted = search.get("tab");
  const selected = tabs.find((tab) => tab.id === wanted)?.id ?? tabs[0]?.id ?? "";
  return (
    <AriaTabs className="tabs" selectedKey={selected} onSelectionChange={(key) => setSearch({ tab: String(key) }, { replace: true })}>
      <TabList aria-label={label} className="tab-list">
        {tabs.map((tab) => (
          <Tab key={tab.id} id={tab.id} className="tab">
            {tab.label}
          </Tab>
        ))}
      </TabList>
      {tabs.map((tab) => (
        <TabPanel key={tab.id} id={tab.id}>
          {tab.content}
        </TabPanel>
      ))}
    </AriaTabs>
  );
}
