import { api, body, done, ifMatch } from "./client";
import type { Dpia, DpiaIn, EndpointDpiaIn } from "./types";

const at = (id: string) => ({ path: { dpia_id: id } });
const of = (endpoint: string) => ({ path: { endpoint_id: endpoint } });

export const listDpias = (query: { cursor?: string | undefined; outcome?: Dpia["outcome"] | undefined; limit?: number }) => body(api.GET("/dpias", { params: { query } }));
export const createDpia = (input: DpiaIn) => body(api.POST("/dpias", { body: input }));
export const getDpia = (id: string) => body(api.GET("/dpias/{dpia_id}", { params: at(id) }));
export const updateDpia = (id: string, version: number, input: DpiaIn) => body(api.PUT("/dpias/{dpia_id}", { params: at(id), body: input, ...ifMatch(version) }));
export const decideDpia = (id: string, version: number, outcome: Dpia["outcome"]) =>
  body(api.POST("/dpias/{dpia_id}/decision", { params: at(id), body: { outcome }, ...ifMatch(version) }));
export const deleteDpia = (id: string, version: number) => done(api.DELETE("/dpias/{dpia_id}", { params: at(id), ...ifMatch(version) }));
export const getEndpointDpia = (endpoint: string) => body(api.GET("/endpoints/{endpoint_id}/dpia", { params: of(endpoint) }));
/** The version is the endpoint's. */
export const setEndpointDpia = (endpoint: string, version: number, input: EndpointDpiaIn) =>
  body(api.PUT("/endpoints/{endpoint_id}/dpia", { params: of(endpoint), body: input, ...ifMatch(version) }));
