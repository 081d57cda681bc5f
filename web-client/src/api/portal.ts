// What the privacy page may ask. `t` is the tenant's slug, the page's own address.

import { API_BASE, api, body, done } from "./client";
import type { RequestDetails, SubjectRequest } from "./types";

const of = (t: string) => ({ path: { tenant: t } });

export const getPortal = (t: string) => body(api.GET("/portal/{tenant}", { params: of(t) }));
export const sendCode = (t: string, email: string) => done(api.POST("/portal/{tenant}/codes", { params: of(t), body: { email } }));
export const openPortal = (t: string, input: { email: string; code: string }) => body(api.POST("/portal/{tenant}/sessions", { params: of(t), body: input }));
export const openPortalByLink = (t: string, token: string) => body(api.POST("/portal/{tenant}/sessions/by-link", { params: of(t), body: { token } }));
export const leavePortal = (t: string) => done(api.DELETE("/portal/{tenant}/sessions/current", { params: of(t) }));
export const getPortalMe = (t: string) => body(api.GET("/portal/{tenant}/me", { params: of(t) }));
export const getPortalConsents = (t: string) => body(api.GET("/portal/{tenant}/consents", { params: of(t) }));
export const setPortalConsent = (t: string, input: { purpose_id: string; state: "given" | "withdrawn"; notice_version_id?: string }) =>
  body(api.POST("/portal/{tenant}/consents", { params: of(t), body: input }));
export const listPortalRequests = (t: string, query: { cursor?: string }) => body(api.GET("/portal/{tenant}/requests", { params: { ...of(t), query } }));
export const makePortalRequest = (t: string, kind: SubjectRequest["kind"], details?: RequestDetails) =>
  body(api.POST("/portal/{tenant}/requests", { params: of(t), body: details ? { kind, details } : { kind } }));
export const listPortalMessages = (t: string, id: string) =>
  body(api.GET("/portal/{tenant}/requests/{request_id}/messages", { params: { path: { tenant: t, request_id: id } } }));
export const writePortalMessage = (t: string, id: string, text: string) =>
  body(api.POST("/portal/{tenant}/requests/{request_id}/messages", { params: { path: { tenant: t, request_id: id } }, body: { text } }));
export const withdrawPortalRequest = (t: string, id: string) =>
  body(api.POST("/portal/{tenant}/requests/{request_id}/withdraw", { params: { path: { tenant: t, request_id: id } } }));
export const portalExportUrl = (t: string, id: string) => `${API_BASE}/portal/${encodeURIComponent(t)}/requests/${id}/export`;
export const portalReceiptUrl = (t: string, id: string) => `${API_BASE}/portal/${encodeURIComponent(t)}/requests/${id}/receipt`;
