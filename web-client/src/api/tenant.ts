import { api, body, done, ifMatch } from "./client";
import type { Role, TenantPatch } from "./types";

export const getTenant = () => body(api.GET("/tenant"));
export const changeTenant = (version: number, input: TenantPatch) => body(api.PATCH("/tenant", { body: input, ...ifMatch(version) }));
export const listJurisdictions = () => body(api.GET("/jurisdictions"));
export const getTenantKey = () => body(api.GET("/tenant/key"));
export const rotateTenantKey = () => body(api.POST("/tenant/rotate-key"));
export const getUsage = () => body(api.GET("/tenant/usage"));

export const listMembers = (query: { cursor?: string; limit?: number }) => body(api.GET("/members", { params: { query } }));
export const changeRole = (id: string, version: number, role: Role) =>
  body(api.PATCH("/members/{member_id}", { params: { path: { member_id: id } }, body: { role }, ...ifMatch(version) }));
export const removeMember = (id: string) => done(api.DELETE("/members/{member_id}", { params: { path: { member_id: id } } }));

export const listInvitations = (query: { cursor?: string }) => body(api.GET("/invitations", { params: { query } }));
export const invite = (input: { email: string; role: Role }) => body(api.POST("/invitations", { body: input }));
export const revokeInvitation = (id: string) => done(api.DELETE("/invitations/{invitation_id}", { params: { path: { invitation_id: id } } }));

export const listApiKeys = (query: { cursor?: string; limit?: number }) => body(api.GET("/api-keys", { params: { query } }));
export const createApiKey = (input: { name: string; scopes: string[]; expires_at?: string }) => body(api.POST("/api-keys", { body: input }));
export const revokeApiKey = (id: string) => done(api.DELETE("/api-keys/{api_key_id}", { params: { path: { api_key_id: id } } }));
