import type { Endpoint } from "../../api/types";
import { Lines, LongText } from "../../components/fields";
import type { Edit } from "../../components/useEdit";
import { fullTime } from "../../format/time";
import type { Draft } from "./endpointDraft";

/** What the back end is shown and known by. Secrets are written here and never read. */
export function UpstreamAccess({ endpoint, edit: { draft, set } }: { endpoint: Endpoint; edit: Edit<Draft> }) {
  const headers = endpoint.upstream_header_names;
  const until = endpoint.upstream_certificate_expires_at;
  return (
    <fieldset className="stack">
      <legend className="label">What your back end is shown</legend>
      <Lines
        name="/upstream_headers"
        label="Headers"
        value={draft.upstream_headers}
        onChange={(value) => set("upstream_headers", value)}
        required={false}
        placeholder="Authorization: Bearer …"
        hint={headers.length === 0 ? "Name: value, one a line. Kept sealed and not shown again." : `There now: ${headers.join(", ")}. What you type takes their place; a single - takes them away.`}
      />
      <div className="form-grid">
        <LongText
          name="/upstream_certificate"
          label="Client certificate"
          code
          rows={3}
          value={draft.upstream_certificate}
          onChange={(value) => set("upstream_certificate", value)}
          required={false}
          placeholder="-----BEGIN CERTIFICATE-----"
          hint={until ? `There is one, good until ${fullTime(until)}. What you paste takes its place; a single - takes it away.` : "PEM, for a back end that asks for one."}
        />
        <LongText name="/upstream_key" label="Its private key" code rows={3} value={draft.upstream_key} onChange={(value) => set("upstream_key", value)} required={false} placeholder="-----BEGIN PRIVATE KEY-----" hint="PEM without a passphrase. Kept sealed and not shown again." />
      </div>
      <LongText name="/upstream_ca" label="Authority of your back end" code rows={3} value={draft.upstream_ca} onChange={(value) => set("upstream_ca", value)} required={false} placeholder="-----BEGIN CERTIFICATE-----" hint="PEM, where its certificate is of a private authority. Empty: those that everybody trusts." />
    </fieldset>
  );
}
