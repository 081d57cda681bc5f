import { exportUrl } from "../../api/requests";
import type { SubjectRequest } from "../../api/types";
import { DownloadLink } from "../../components/Button";
import { Notice } from "../../components/Notice";
import { bytes, counted } from "../../format/number";
import { fullTime } from "../../format/time";
import { DONE_WORDS, refusalInWords } from "./words";

/** What came of it: what was done, counted, or why not; the copy, the receipt. */
export function Outcome({ request }: { request: SubjectRequest }) {
  const { messages = 0, connections = 0, consents = 0, keys = 0, corrections = 0, purposes = 0, held = 0 } = request.result ?? {};
  const parts = [
    { amount: messages, one: "message" },
    { amount: connections, one: "connection record" },
    { amount: consents, one: "consent record" },
    { amount: keys, one: "key" },
    { amount: corrections, one: "correction" },
    { amount: purposes, one: "purpose" },
  ].flatMap(({ amount, one }) => (amount > 0 ? [counted(amount, one)] : []));
  return (
    <>
      {request.refusal && (
        <Notice tone="warn">
          <strong>
            {request.state === "completed" ? "Not all could be done" : "Refused"}: {refusalInWords(request.refusal.code)}.
          </strong>{" "}
          {request.refusal.text}
        </Notice>
      )}
      {parts.length > 0 && (
        <Notice tone="good">
          {DONE_WORDS[request.kind]}: {parts.join(", ")}.{held > 0 && ` A legal hold keeps a copy of ${counted(held, "message")} until it ends.`}
        </Notice>
      )}
      {(request.export || request.receipt_url) && (
        <div className="row">
          {request.export && <DownloadLink href={exportUrl(request.id)}>Download ({bytes(request.export.size)})</DownloadLink>}
          {request.receipt_url && <DownloadLink href={request.receipt_url}>Receipt</DownloadLink>}
        </div>
      )}
      {request.export && (
        <p className="faint small">
          Available until {fullTime(request.export.expires_at)}; downloaded {counted(request.export.downloads, "time")}.
        </p>
      )}
    </>
  );
}
