import { api, body } from "./client";

export interface AuditQuery {
  cursor?: string;
  limit?: number;
  kind?: string;
  from?: string;
  to?: string;
  target_kind?: string;
  target_id?: string;
  subject_id?: string;
}
export const listAuditEvents = (query: AuditQuery) => body(api.GET("/audit-events", { params: { query } }));
export const getLog = () => body(api.GET("/log"));
