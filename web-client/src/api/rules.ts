import { api, body, ifMatch } from "./client";
import type { ExplainIn, RetentionChange, Rule, RuleIn, RulePatch } from "./types";

export const listRules = (query: { cursor?: string; limit?: number }) => body(api.GET("/retention-rules", { params: { query } }));
export const createRule = (input: RuleIn) => body(api.POST("/retention-rules", { body: input }));
export const changeRule = (id: string, version: number, input: RulePatch) =>
  body(api.PATCH("/retention-rules/{rule_id}", { params: { path: { rule_id: id } }, body: input, ...ifMatch(version) }));
export const getRule = (id: string) => body(api.GET("/retention-rules/{rule_id}", { params: { path: { rule_id: id } } }));
export const deleteRule = (id: string) => body<RetentionChange | undefined>(api.DELETE("/retention-rules/{rule_id}", { params: { path: { rule_id: id } } }));

/** A change that would destroy something early waits instead of acting. */
export const isWaiting = (answer: Rule | RetentionChange | undefined): answer is RetentionChange => answer !== undefined && "effective_at" in answer;
export const listChanges = (query: { cursor?: string; state?: RetentionChange["state"] }) => body(api.GET("/retention-changes", { params: { query } }));
export const approveChange = (id: string) => body(api.POST("/retention-changes/{change_id}/approve", { params: { path: { change_id: id } } }));
export const cancelChange = (id: string) => body(api.POST("/retention-changes/{change_id}/cancel", { params: { path: { change_id: id } }, body: {} }));
export const listRuleVersions = (id: string, query: { cursor?: string }) =>
  body(api.GET("/retention-rules/{rule_id}/versions", { params: { path: { rule_id: id }, query } }));
export const explainRule = (input: ExplainIn) => body(api.POST("/retention-rules/explain", { body: input }));
export const getRetention = () => body(api.GET("/retention"));
