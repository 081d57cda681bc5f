import { API_BASE, api, body } from "./client";

export const listReports = (query: { cursor?: string | undefined }) => body(api.GET("/reports", { params: { query } }));
export const createReport = () => body(api.POST("/reports", { body: {} }));
export const getReport = (id: string) => body(api.GET("/reports/{report_id}", { params: { path: { report_id: id } } }));
export const getReportSchedule = () => body(api.GET("/report-schedule"));
export const setReportSchedule = (every: string, enabled: boolean) => body(api.PUT("/report-schedule", { body: { every, enabled } }));
/** Pages and files: plain links, the cookie goes along. */
export const reportPageUrl = (id: string) => `${API_BASE}/reports/${id}/page.html`;
export const reportReceiptUrl = (id: string) => `${API_BASE}/reports/${id}/receipt`;
/** A record of processing activities (GDPR Art. 30), as far as a page shows it. */
export interface ProcessingRecord {
  record: string;
  made_at: string;
  controller: { name: string; address: string; country: string; contact: string };
  processor?: { name: string };
  contact: { name?: string | null; email?: string | null; phone?: string | null };
  activities: Activity[];
  security_measures: string[];
}

export interface Activity {
  activity: string;
  purpose?: string;
  lawful_basis?: string;
  personal_data?: string[];
  recipients?: string[];
  transfers?: string;
  time_limits?: string[];
  endpoints?: string[];
  assessments?: string[];
}

export const getRecord = async (role: "controller" | "processor"): Promise<ProcessingRecord> => {
  const query = { params: { query: { format: "json" as const } } };
  // The description names the form that comes last, a page; this is the JSON.
  return (await body(role === "controller" ? api.GET("/processing-records/controller", query) : api.GET("/processing-records/processor", query))) as unknown as ProcessingRecord;
};
export const recordUrl = (role: "controller" | "processor", format: "json" | "csv" | "html") => `${API_BASE}/processing-records/${role}?format=${format}`;
