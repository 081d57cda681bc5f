import { API_BASE, api, body, ifMatch } from "./client";
import type { Incident, IncidentIn, IncidentPatch } from "./types";

const at = (id: string) => ({ path: { incident_id: id } });

export const listIncidents = (query: { cursor?: string | undefined; state?: Incident["state"] | undefined; risk?: Incident["risk"] | undefined; overdue?: boolean | undefined }) =>
  body(api.GET("/incidents", { params: { query } }));
export const createIncident = (input: IncidentIn) => body(api.POST("/incidents", { body: input }));
export const getIncident = (id: string) => body(api.GET("/incidents/{incident_id}", { params: { path: { incident_id: id } } }));
export const updateIncident = (id: string, version: number, patch: IncidentPatch) =>
  body(api.PATCH("/incidents/{incident_id}", { params: at(id), body: patch, ...ifMatch(version) }));
export const scopeIncident = (id: string) => body(api.POST("/incidents/{incident_id}/scope", { params: at(id) }));
export const listNotifications = (id: string) => body(api.GET("/incidents/{incident_id}/notifications", { params: at(id) }));
export const notifyAuthority = (id: string, input: { note?: string; late_reason?: string }) =>
  body(api.POST("/incidents/{incident_id}/notifications", { params: at(id), body: input }));
export const incidentMails = (id: string) => body(api.GET("/incidents/{incident_id}/mails", { params: at(id) }));
export const mailAffected = (id: string, message: string) => body(api.POST("/incidents/{incident_id}/mails", { params: at(id), body: { message } }));
/** Pages to print: plain links, the cookie goes along. */
export const formUrl = (id: string) => `${API_BASE}/incidents/${id}/form.html`;
export const notificationUrl = (id: string, notification: string) => `${API_BASE}/incidents/${id}/notifications/${notification}/form.html`;
