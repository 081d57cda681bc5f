import { useState } from "react";
import { rotateSecret } from "../../api/endpoints";
import type { Endpoint } from "../../api/types";
import { Button } from "../../components/Button";
import { CopyField } from "../../components/Copy";
import { Confirm } from "../../components/Dialog";
import { Card } from "../../components/Page";
import { fullTime } from "../../format/time";
import { useMay } from "../session";
import { FromYourCode } from "./FromYourCode";
import { MintToken } from "./MintToken";
import { SecretDialog } from "./SecretDialog";

export function EndpointKeys({ endpoint }: { endpoint: Endpoint }) {
  const may = useMay();
  const [asking, setAsking] = useState(false);
  const [fresh, setFresh] = useState<{ secret: string; previous_valid_until?: string | undefined }>();
  return (
    <div className="grid-2">
      <div className="stack wide-gap">
        <Card
          title="Address and keys"
          aside={
            may("endpoints:write") && (
              <Button size="small" onPress={() => setAsking(true)}>
                New secret…
              </Button>
            )
          }
        >
          <dl className="facts">
            <dt>Connect to</dt>
            <dd>
              <CopyField text={endpoint.connect_url} what="address" />
            </dd>
            <dt>Key</dt>
            <dd>
              <CopyField text={endpoint.key} what="key" />
            </dd>
            <dt>App id</dt>
            <dd>
              <CopyField text={endpoint.app_id} what="app id" />
            </dd>
            <dt>Secret</dt>
            <dd className="soft small">Was shown when it was made. Lost it? Make a new one; the old one works for another 24 hours.</dd>
          </dl>
        </Card>
        {may("endpoints:write") && <MintToken endpoint={endpoint} />}
      </div>
      <FromYourCode endpoint={endpoint} />
      <Confirm
        title="Make a new secret?"
        confirmLabel="Make a new secret"
        kind="primary"
        isOpen={asking}
        onClose={() => setAsking(false)}
        act={() => rotateSecret(endpoint.id)}
        onDone={setFresh}
      >
        <p>Tokens signed with the present secret are accepted for another 24 hours, so that you can change over without dropping anyone.</p>
      </Confirm>
      <SecretDialog
        title="The new secret"
        secret={fresh?.secret}
        note={`Shown this once.${fresh?.previous_valid_until ? ` The previous one works until ${fullTime(fresh.previous_valid_until)}.` : ""}`}
        onClose={() => setFresh(undefined)}
      />
    </div>
  );
}
