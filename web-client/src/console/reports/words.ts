import type { Report } from "../../api/types";
import type { Tone } from "../../components/Badge";

export interface Finding {
  key: string;
  severity: "high" | "medium" | "low";
  detail: string;
  remedy: string;
  proof?: { receipt_url: string } | null;
}
export interface Section {
  key: string;
  question: string;
  answer: string;
  findings: Finding[];
}
export interface ReportBody {
  sections: Section[];
  since_last: { compared: boolean; new?: string[]; resolved?: string[]; standing?: string[] };
}

/** What a report says. */
export function said(report: Report): ReportBody | undefined {
  return report.body as ReportBody | undefined;
}

export const SEVERITIES: Record<Finding["severity"], { words: string; tone: Tone }> = {
  high: { words: "to be mended now", tone: "bad" },
  medium: { words: "to be mended", tone: "warn" },
  low: { words: "to be known", tone: "plain" },
};

export function verdict(report: Pick<Report, "high" | "medium" | "adheres_to_retention_policy">): { words: string; tone: Tone } {
  if (!report.adheres_to_retention_policy) return { words: "does not keep to the retention policy", tone: "bad" };
  if (report.high > 0) return { words: "something is to be mended now", tone: "bad" };
  if (report.medium > 0) return { words: "something is to be mended", tone: "warn" };
  return { words: "in order", tone: "good" };
}

/** What changed since the report before. */
export function changes({ since_last: since }: Pick<ReportBody, "since_last">): string {
  if (!since.compared) return "The first report: there is nothing to compare it with.";
  const amounts = [`${since.new?.length ?? 0} new`, `${since.resolved?.length ?? 0} resolved`, `${since.standing?.length ?? 0} as before`];
  return `Since the last report: ${amounts.join(", ")}.`;
}
