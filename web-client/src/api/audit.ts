import { api, body, done } from "./client";

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

export const listWitnesses = (query: { cursor?: string }) => body(api.GET("/log/witnesses", { params: { query } }));
export const addWitness = (input: { verifier_key: string; url: string }) => body(api.POST("/log/witnesses", { body: input }));
export const removeWitness = (id: string) => done(api.DELETE("/log/witnesses/{log_witness_id}", { params: { path: { log_witness_id: id } } }));
