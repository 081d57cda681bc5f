import { api, body, done, ifMatch } from "./client";
import type { EndpointIn, EndpointPatch } from "./types";

const at = (id: string) => ({ path: { id } });

export const listEndpoints = (query: { cursor?: string; kind?: string; q?: string; limit?: number }) => body(api.GET("/endpoints", { params: { query } }));
export const createEndpoint = (input: EndpointIn) => body(api.POST("/endpoints", { body: input }));
export const getEndpoint = (id: string) => body(api.GET("/endpoints/{id}", { params: at(id) }));
export const changeEndpoint = (id: string, version: number, input: EndpointPatch) =>
  body(api.PATCH("/endpoints/{id}", { params: at(id), body: input, ...ifMatch(version) }));
export const deleteEndpoint = (id: string, confirm: string) => done(api.DELETE("/endpoints/{id}", { params: { ...at(id), query: { confirm } } }));
export const rotateSecret = (id: string) => body(api.POST("/endpoints/{id}/rotate-secret", { params: at(id) }));
export const mintToken = (id: string, input: { sub: string; ttl_seconds?: number }) => body(api.POST("/endpoints/{id}/tokens", { params: at(id), body: input }));
export const publish = (id: string, input: { data: unknown; channel?: string; subject?: string; purpose?: string }) =>
  body(api.POST("/endpoints/{id}/messages", { params: at(id), body: input }));
export const listChannels = (id: string, query: { cursor?: string }) => body(api.GET("/endpoints/{id}/channels", { params: { ...at(id), query } }));
export const getPool = (id: string) => body(api.GET("/endpoints/{id}/pool", { params: at(id) }));
