import { API_BASE, api, body } from "./client";
import type { ExtensionIn, LiftingIn, PauseIn, RequestIn, SubjectRequest } from "./types";

const at = (id: string) => ({ path: { request_id: id } });

export const listRequests = (query: { cursor?: string; kind?: SubjectRequest["kind"]; state?: SubjectRequest["state"]; overdue?: boolean; subject_id?: string; limit?: number }) =>
  body(api.GET("/requests", { params: { query } }));
export const createRequest = (input: RequestIn) => body(api.POST("/requests", { body: input }));
export const getRequest = (id: string) => body(api.GET("/requests/{request_id}", { params: at(id) }));
export const refuseRequest = (id: string, input: { code: string; text: string }) =>
  body(api.POST("/requests/{request_id}/refuse", { params: at(id), body: input }));
export const withdrawRequest = (id: string) => body(api.POST("/requests/{request_id}/withdraw", { params: at(id) }));
export const approveRequest = (id: string) => body(api.POST("/requests/{request_id}/approve", { params: at(id) }));
export const extendRequest = (id: string, input: ExtensionIn) => body(api.POST("/requests/{request_id}/extend", { params: at(id), body: input }));
export const pauseRequest = (id: string, input: PauseIn) => body(api.POST("/requests/{request_id}/pause", { params: at(id), body: input }));
export const resumeRequest = (id: string) => body(api.POST("/requests/{request_id}/resume", { params: at(id) }));
export const acknowledgeRequest = (id: string) => body(api.POST("/requests/{request_id}/acknowledge", { params: at(id) }));
export const liftRequest = (id: string, input: LiftingIn) => body(api.POST("/requests/{request_id}/lift", { params: at(id), body: input }));
export const listRequestMessages = (id: string) => body(api.GET("/requests/{request_id}/messages", { params: at(id) }));
export const writeRequestMessage = (id: string, text: string) => body(api.POST("/requests/{request_id}/messages", { params: at(id), body: { text } }));
export const listCallbacks = (request: string) => body(api.GET("/callbacks", { params: { query: { request_id: request, limit: 100 } } }));
/** A plain link: the browser streams the ZIP to disk, the cookie goes along. */
export const exportUrl = (id: string) => `${API_BASE}/requests/${id}/export`;
