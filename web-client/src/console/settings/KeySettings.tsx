import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { getTenantKey, rotateTenantKey } from "../../api/tenant";
import type { TenantKey } from "../../api/types";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { Confirm } from "../../components/Dialog";
import { Moment } from "../../components/moments";
import { Card } from "../../components/Page";
import { Loaded } from "../../components/states";
import { toast } from "../../components/toasts";
import { useMay } from "../session";

const KEY = ["tenant", "key"];

/** The key that everything of the tenant hangs on, and its replacement. */
export function KeySettings() {
  const may = useMay();
  const cache = useQueryClient();
  const [asking, setAsking] = useState(false);
  const query = useQuery({ queryKey: KEY, queryFn: getTenantKey, refetchInterval: 15_000 });
  const replace = may("tenant:write") && (
    <Button size="small" isDisabled={query.data?.rotation !== undefined} onPress={() => setAsking(true)}>
      Replace…
    </Button>
  );
  return (
    <Card title="Key" aside={replace}>
      <p className="soft prose">Everything of this tenant is sealed under it, directly or through the keys below it. It never leaves the vault.</p>
      <Loaded query={query} lines={2}>
        {(key) => (
          <dl className="facts">
            <dt>In use since</dt>
            <dd>
              <Moment at={key.since} />
            </dd>
            <dt>State</dt>
            <dd>
              <Standing tenantKey={key} />
            </dd>
          </dl>
        )}
      </Loaded>
      <Confirm
        title="Replace the key?"
        confirmLabel="Replace key"
        isOpen={asking}
        onClose={() => setAsking(false)}
        act={rotateTenantKey}
        onDone={(key) => {
          cache.setQueryData(KEY, key);
          toast({ title: "The key is being replaced." });
        }}
      >
        <p>Do this when somebody may have seen it. Everything goes on meanwhile; an hour after the last thing under it was sealed anew, the old key is destroyed for good.</p>
        <p>In backups from before, the secrets of endpoints and webhooks will not open any more. Make a backup when it is done.</p>
      </Confirm>
    </Card>
  );
}

function Standing({ tenantKey: { rotation, next_at } }: { tenantKey: TenantKey }) {
  if (!rotation) return <Badge tone="good">seals</Badge>;
  return (
    <span className="row tight">
      <Badge tone="accent">being replaced</Badge>
      {rotation === "announced" ? "the next key is about to seal" : "what is under the old key is sealed anew"}
      {next_at && (
        <span className="faint small">
          goes on <Moment at={next_at} />
        </span>
      )}
    </span>
  );
}
