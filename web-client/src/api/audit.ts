import { API_BASE, api, body } from "./client";

export interface AuditQuery {
  cursor?: string;
  limit?: number;
  kind?: string;
  from?: string;
  to?: string;
  target_kind?: string;
  target_id?: string;
  subject?: string;
}
export const listAuditEvents = (query: AuditQuery) => body(api.GET("/audit-events", { params: { query } }));
export const getLog = () => body(api.GET("/log"));
export const auditReceiptUrl = (id: string) => `${API_BASE}/audit-events/${id}/receipt`;
