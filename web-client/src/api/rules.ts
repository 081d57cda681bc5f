import { api, body, done, ifMatch } from "./client";
import type { ExplainIn, RuleIn, RulePatch } from "./types";

export const listRules = (query: { cursor?: string; limit?: number }) => body(api.GET("/retention-rules", { params: { query } }));
export const createRule = (input: RuleIn) => body(api.POST("/retention-rules", { body: input }));
export const changeRule = (id: string, version: number, input: RulePatch) =>
  body(api.PATCH("/retention-rules/{rule_id}", { params: { path: { rule_id: id } }, body: input, ...ifMatch(version) }));
export const getRule = (id: string) => body(api.GET("/retention-rules/{rule_id}", { params: { path: { rule_id: id } } }));
export const deleteRule = (id: string) => done(api.DELETE("/retention-rules/{rule_id}", { params: { path: { rule_id: id } } }));
export const listRuleVersions = (id: string, query: { cursor?: string }) =>
  body(api.GET("/retention-rules/{rule_id}/versions", { params: { path: { rule_id: id }, query } }));
export const explainRule = (input: ExplainIn) => body(api.POST("/retention-rules/explain", { body: input }));
export const getRetention = () => body(api.GET("/retention"));
