import { API_BASE, api, body } from "./client";

export const listReports = (query: { cursor?: string | undefined }) => body(api.GET("/reports", { params: { query } }));
export const createReport = () => body(api.POST("/reports", { body: {} }));
export const getReport = (id: string) => body(api.GET("/reports/{report_id}", { params: { path: { report_id: id } } }));
export const getReportSchedule = () => body(api.GET("/report-schedule"));
export const setReportSchedule = (every: string, enabled: boolean) => body(api.PUT("/report-schedule", { body: { every, enabled } }));
/** Pages and files: plain links, the cookie goes along. */
export const reportPageUrl = (id: string) => `${API_BASE}/reports/${id}/page.html`;
export const reportReceiptUrl = (id: string) => `${API_BASE}/reports/${id}/receipt`;
export const recordUrl = (role: "controller" | "processor", format: "json" | "csv" | "html") => `${API_BASE}/processing-records/${role}?format=${format}`;
