import { API_BASE, api, body } from "./client";
import type { SubjectRequest } from "./types";

export const listRequests = (query: { cursor?: string; kind?: SubjectRequest["kind"]; state?: SubjectRequest["state"]; overdue?: boolean; limit?: number }) =>
  body(api.GET("/requests", { params: { query } }));
export const createRequest = (input: { kind: SubjectRequest["kind"]; subject: string; note?: string }) => body(api.POST("/requests", { body: input }));
export const getRequest = (id: string) => body(api.GET("/requests/{request_id}", { params: { path: { request_id: id } } }));
export const refuseRequest = (id: string, input: { code: string; text: string }) =>
  body(api.POST("/requests/{request_id}/refuse", { params: { path: { request_id: id } }, body: input }));
export const withdrawRequest = (id: string) => body(api.POST("/requests/{request_id}/withdraw", { params: { path: { request_id: id } } }));
export const approveRequest = (id: string) => body(api.POST("/requests/{request_id}/approve", { params: { path: { request_id: id } } }));
export const listCallbacks = (request: string) => body(api.GET("/callbacks", { params: { query: { request_id: request, limit: 100 } } }));
/** A plain link: the browser streams the ZIP to disk, the cookie goes along. */
export const exportUrl = (id: string) => `${API_BASE}/requests/${id}/export`;
