import { api, body, done, ifMatch } from "./client";
import type { ConsentIn, Message } from "./types";

export const listSubjects = (query: { cursor?: string; external_id?: string; email?: string }) => body(api.GET("/subjects", { params: { query } }));
export const createSubject = (input: { external_id: string; email?: string }) => body(api.POST("/subjects", { body: input }));
export const getSubject = (id: string) => body(api.GET("/subjects/{subject_id}", { params: { path: { subject_id: id } } }));
export const changeSubject = (id: string, version: number, input: { email?: string; restricted?: boolean }) =>
  body(api.PATCH("/subjects/{subject_id}", { params: { path: { subject_id: id } }, body: input, ...ifMatch(version) }));
export const eraseSubject = (id: string, confirm: string) => body(api.DELETE("/subjects/{subject_id}", { params: { path: { subject_id: id }, query: { confirm } } }));
export const getConsentStates = (id: string) => body(api.GET("/subjects/{subject_id}/consents", { params: { path: { subject_id: id } } }));
export const listConsents = (query: { cursor?: string; subject_id?: string }) => body(api.GET("/consents", { params: { query } }));
export const recordConsent = (input: ConsentIn) => body(api.POST("/consents", { body: input }));

export const listConnections = (query: { cursor?: string; endpoint_id?: string; subject_id?: string; state?: "open" | "closed"; limit?: number }) =>
  body(api.GET("/connections", { params: { query } }));
export const disconnect = (id: string) => done(api.DELETE("/connections/{connection_id}", { params: { path: { connection_id: id } } }));

export interface MessageQuery {
  cursor?: string;
  limit?: number;
  endpoint_id?: string;
  channel?: string;
  subject_id?: string;
  purpose_id?: string;
  data_type_id?: string;
  direction?: Message["direction"];
  from?: string;
  to?: string;
}
export const listMessages = (query: MessageQuery) => body(api.GET("/messages", { params: { query } }));
export const unsealMessage = (id: string) => body(api.GET("/messages/{message_id}", { params: { path: { message_id: id }, query: { unseal: true } } }));
