import { api, body } from "./client";

export const listBalances = (query: { cursor?: string | undefined; class_id?: string | undefined; failing?: boolean | undefined }) => body(api.GET("/balances", { params: { query } }));
export const drawBalances = () => body(api.POST("/balances"));
