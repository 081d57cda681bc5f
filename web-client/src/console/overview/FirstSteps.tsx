import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { listRules } from "../../api/rules";
import type { Usage } from "../../api/types";
import { ButtonLink } from "../../components/Button";
import { CodeBlock, CopyField } from "../../components/Copy";
import { Icon } from "../../components/Icon";
import { Card } from "../../components/Page";
import { useEndpointList } from "../names";
import { useMay, useMe } from "../session";
import { connectSnippet, publishSnippet } from "../endpoints/snippets";

/** What a new tenant does first; each step ticks itself off, and the whole goes away when all are done. */
export function FirstSteps({ usage }: { usage: Usage }) {
  const { account, tenant } = useMe();
  const may = useMay();
  const endpoint = useEndpointList()?.[0];
  const rules = useQuery({ queryKey: ["rules", "first"], queryFn: () => listRules({ limit: 1 }), enabled: may("rules:read") });
  const messages = usage.used.stored_messages > 0 || usage.days.some((day) => day.messages > 0);
  const connections = usage.used.connections > 0 || usage.days.some((day) => day.connections > 0);
  const done = {
    verified: account?.email_verified_at !== undefined,
    endpoint: usage.used.endpoints > 0,
    connections,
    messages,
    rules: (rules.data?.items.length ?? 0) > 0,
  };
  if (!may("endpoints:write") || Object.values(done).every(Boolean)) return null;
  return (
    <Card title="First steps">
      <ol className="steps">
        <Step number={1} done={done.verified} title="Confirm your e-mail address">
          <p className="soft">We have sent a link to {account?.email}.</p>
        </Step>
        <Step number={2} done={done.endpoint} title="Create an endpoint">
          <p className="soft">A channel, where Weir is the back end, or a relay to a WebSocket that you already run.</p>
          <ButtonLink to="/endpoints?new=1" kind="primary" size="small" icon="plus">
            New endpoint
          </ButtonLink>
        </Step>
        <Step number={3} done={done.rules} title="Say how long messages stay">
          <p className="soft">Without a retention rule, messages pass and nothing is recorded.</p>
          <ButtonLink to="/rules?new=1" size="small" icon="plus">
            New rule
          </ButtonLink>
        </Step>
        <Step number={4} done={done.connections} title="Connect a client">
          <p className="soft">Your back end signs a token with the endpoint’s secret; the browser brings it along.</p>
          <CodeBlock code={connectSnippet(endpoint, tenant.slug)} what="code that connects" />
        </Step>
        <Step number={5} done={done.messages} title="Publish a message">
          <p className="soft">With an API key that has the scope messages:write.</p>
          <CodeBlock code={publishSnippet(endpoint)} what="curl command" />
        </Step>
        <Step number={6} done={false} title="Link the privacy page from your site">
          <p className="soft">There, people see what is held about them and make requests, without an account.</p>
          <CopyField text={`${window.location.origin}/privacy/${tenant.slug}`} what="address of the privacy page" />
        </Step>
      </ol>
    </Card>
  );
}

function Step({ number, done, title, children }: { number: number; done: boolean; title: string; children: ReactNode }) {
  return (
    <li className={done ? "step done" : "step"}>
      <span className="mark" aria-hidden="true">
        {done ? <Icon name="check" size={14} /> : number}
      </span>
      <div>
        <h3>
          {title}
          {done && <span className="unseen"> (done)</span>}
        </h3>
        {!done && children}
      </div>
    </li>
  );
}
