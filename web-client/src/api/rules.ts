import { api, body, done, ifMatch } from "./client";
import type { ExplainIn, RuleIn, RulePatch } from "./types";

const at = (id: string) => ({ path: { id } });

export const listRules = (query: { cursor?: string; limit?: number }) => body(api.GET("/retention-rules", { params: { query } }));
export const createRule = (input: RuleIn) => body(api.POST("/retention-rules", { body: input }));
export const changeRule = (id: string, version: number, input: RulePatch) =>
  body(api.PATCH("/retention-rules/{id}", { params: at(id), body: input, ...ifMatch(version) }));
export const getRule = (id: string) => body(api.GET("/retention-rules/{id}", { params: at(id) }));
export const deleteRule = (id: string) => done(api.DELETE("/retention-rules/{id}", { params: at(id) }));
export const listRuleVersions = (id: string, query: { cursor?: string }) =>
  body(api.GET("/retention-rules/{id}/versions", { params: { ...at(id), query } }));
export const explainRule = (input: ExplainIn) => body(api.POST("/retention-rules/explain", { body: input }));
export const getRetention = () => body(api.GET("/retention"));
