import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { deleteEndpoint } from "../../api/endpoints";
import type { Endpoint } from "../../api/types";
import { Button } from "../../components/Button";
import { Confirm } from "../../components/Dialog";
import { Card } from "../../components/Page";
import { toast } from "../../components/toasts";

export function DeleteEndpoint({ endpoint }: { endpoint: Endpoint }) {
  const navigate = useNavigate();
  const cache = useQueryClient();
  const [asking, setAsking] = useState(false);
  return (
    <Card title="Delete this endpoint">
      <p className="soft">Closes its sockets and erases its messages. It cannot be brought back.</p>
      <div>
        <Button kind="danger" icon="trash" onPress={() => setAsking(true)}>
          Delete…
        </Button>
      </div>
      <Confirm
        title={`Delete ${endpoint.name || endpoint.slug}?`}
        confirmLabel="Delete endpoint"
        typed={endpoint.slug}
        isOpen={asking}
        onClose={() => setAsking(false)}
        act={() => deleteEndpoint(endpoint.id, endpoint.slug)}
        onDone={() => {
          void cache.invalidateQueries({ queryKey: ["endpoints", "list"] });
          void cache.invalidateQueries({ queryKey: ["endpoints", "names"] });
          toast({ title: `${endpoint.slug} is deleted.` });
          navigate("/endpoints");
        }}
      >
        <p>Every connected client is closed, every message it has recorded is erased, and its keys stop working, now.</p>
      </Confirm>
    </Card>
  );
}
