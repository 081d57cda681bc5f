import type { ReactNode } from "react";
import { Link } from "react-router";
import type { Usage } from "../../api/types";
import { bytes, count } from "../../format/number";

export function Tiles({ usage: { used } }: { usage: Usage }) {
  return (
    <div className="tiles">
      <Tile to="/connections" label="Live connections" value={count(used.connections)} note={used.connections > 0 ? <span className="live-dot" aria-hidden="true" /> : undefined} />
      <Tile to="/messages" label="Messages today" value={count(used.messages_today)} />
      <Tile to="/messages" label="Messages kept" value={count(used.stored_messages)} note={<span className="faint small">{bytes(used.stored_bytes)}</span>} />
      <Tile to="/endpoints" label="Endpoints" value={count(used.endpoints)} />
    </div>
  );
}

function Tile({ to, label, value, note }: { to: string; label: string; value: string; note?: ReactNode }) {
  return (
    <div className="card tile">
      <Link to={to} className="soft small">
        {label}
      </Link>
      <span className="row tight">
        <span className="value">{value}</span>
        {note}
      </span>
    </div>
  );
}
