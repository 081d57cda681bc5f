import { api, body, done, ifMatch } from "./client";
import type { EndpointIn, EndpointPatch } from "./types";

export const listEndpoints = (query: { cursor?: string; kind?: "channel" | "relay"; q?: string; limit?: number }) => body(api.GET("/endpoints", { params: { query } }));
export const createEndpoint = (input: EndpointIn) => body(api.POST("/endpoints", { body: input }));
export const getEndpoint = (id: string) => body(api.GET("/endpoints/{endpoint_id}", { params: { path: { endpoint_id: id } } }));
export const changeEndpoint = (id: string, version: number, input: EndpointPatch) =>
  body(api.PATCH("/endpoints/{endpoint_id}", { params: { path: { endpoint_id: id } }, body: input, ...ifMatch(version) }));
export const deleteEndpoint = (id: string, confirm: string) => done(api.DELETE("/endpoints/{endpoint_id}", { params: { path: { endpoint_id: id }, query: { confirm } } }));
export const rotateSecret = (id: string) => body(api.POST("/endpoints/{endpoint_id}/rotate-secret", { params: { path: { endpoint_id: id } } }));
export const mintToken = (id: string, input: { sub: string; ttl_seconds?: number }) => body(api.POST("/endpoints/{endpoint_id}/tokens", { params: { path: { endpoint_id: id } }, body: input }));
export const publish = (id: string, input: { data: unknown; channel?: string; subject?: string; purpose?: string }) =>
  body(api.POST("/endpoints/{endpoint_id}/messages", { params: { path: { endpoint_id: id } }, body: input }));
export const listChannels = (id: string, query: { cursor?: string }) => body(api.GET("/endpoints/{endpoint_id}/channels", { params: { path: { endpoint_id: id }, query } }));
export const getPool = (id: string) => body(api.GET("/endpoints/{endpoint_id}/pool", { params: { path: { endpoint_id: id } } }));
export const getUpstream = (id: string) => body(api.GET("/endpoints/{endpoint_id}/upstream", { params: { path: { endpoint_id: id } } }));
export const verifyUpstream = (id: string) => body(api.POST("/endpoints/{endpoint_id}/upstream/verify", { params: { path: { endpoint_id: id } } }));
export const listLiveChannels = (id: string, query: { prefix?: string; cursor?: string }) => body(api.GET("/endpoints/{endpoint_id}/live-channels", { params: { path: { endpoint_id: id }, query } }));
export const listChannelMembers = (id: string, channel: string, query: { cursor?: string }) =>
  body(api.GET("/endpoints/{endpoint_id}/live-channels/{channel}/members", { params: { path: { endpoint_id: id, channel }, query } }));
export const orderPool = (id: string, order: "pause" | "resume" | "drain" | "reconnect") =>
  body(api.POST(`/endpoints/{endpoint_id}/pool/${order}`, { params: { path: { endpoint_id: id } } }));
