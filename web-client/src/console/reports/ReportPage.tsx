import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { getReport, reportPageUrl, reportReceiptUrl } from "../../api/reports";
import type { Report } from "../../api/types";
import { Badge } from "../../components/Badge";
import { DownloadLink } from "../../components/Button";
import { CopyField } from "../../components/Copy";
import { LoadedPage } from "../../components/LoadedPage";
import { Card, Page } from "../../components/Page";
import { fullTime } from "../../format/time";
import { type Finding, SEVERITIES, changes, said, verdict } from "./words";

const BACK = { to: "/reports", label: "Reports" };

export function ReportPage() {
  const { id = "" } = useParams();
  const query = useQuery({ queryKey: ["report", id], queryFn: () => getReport(id) });
  return <LoadedPage query={query} back={BACK}>{(report) => <ReportView report={report} />}</LoadedPage>;
}

function ReportView({ report }: { report: Report }) {
  const body = said(report);
  const { words, tone } = verdict(report);
  return (
    <Page
      title="Audit report"
      back={BACK}
      lede={
        <span className="row tight">
          <Badge tone={tone}>{words}</Badge>
          <span>
            {fullTime(report.from)} – {fullTime(report.to)}
          </span>
        </span>
      }
      actions={
        <>
          <DownloadLink href={reportPageUrl(report.id)}>Page to print</DownloadLink>
          <DownloadLink href={reportReceiptUrl(report.id)}>Receipt</DownloadLink>
        </>
      }
    >
      {body && <p className="soft">{changes(body)}</p>}
      {body?.sections.map((section) => (
        <Card title={section.question} key={section.key}>
          <p className="prose">{section.answer}</p>
          {section.findings.map((finding) => (
            <FindingView key={finding.key} finding={finding} />
          ))}
        </Card>
      ))}
      <Card title="What proves it">
        <p className="soft">The hash of what it says is a leaf of your log; the receipt proves that offline.</p>
        <CopyField text={report.sha256} what="hash of the report" />
      </Card>
    </Page>
  );
}

function FindingView({ finding }: { finding: Finding }) {
  const { words, tone } = SEVERITIES[finding.severity];
  return (
    <div className="stack">
      <span className="row tight">
        <Badge tone={tone}>{words}</Badge>
        <strong>{finding.detail}</strong>
      </span>
      <span className="soft">{finding.remedy}</span>
      {finding.proof && (
        <DownloadLink href={finding.proof.receipt_url} size="small">
          Proof
        </DownloadLink>
      )}
    </div>
  );
}
