import { useState } from "react";
import type { Endpoint } from "../../api/types";
import { CodeBlock } from "../../components/Copy";
import { SelectInput } from "../../components/choices";
import { Card } from "../../components/Page";
import { useMe } from "../session";
import { waysInto } from "./snippets";

/** How this endpoint is used from code, one library at a time. */
export function FromYourCode({ endpoint }: { endpoint: Endpoint }) {
  const { tenant } = useMe();
  const ways = waysInto(endpoint, tenant.slug);
  const [chosen, setChosen] = useState(ways[0]?.id ?? "");
  const way = ways.find(({ id }) => id === chosen) ?? ways[0];
  return (
    <Card title="From your code">
      {ways.length > 1 && (
        <>
          <p className="soft">Clients written for Pusher connect as they are: give them this address and key.</p>
          <SelectInput name="#library" label="Library" choices={ways} value={way?.id ?? ""} onChange={setChosen} />
        </>
      )}
      {way?.snippets.map(({ title, code, what }) => (
        <div key={title} className="stack tight">
          <h3>{title}</h3>
          <CodeBlock code={code} what={what} />
        </div>
      ))}
    </Card>
  );
}
