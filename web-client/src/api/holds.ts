import { api, body, ifMatch } from "./client";
import type { HoldIn, HoldPatch, HoldState } from "./types";

const one = (id: string) => ({ params: { path: { hold_id: id } } });

export const listHolds = (query: { cursor?: string | undefined; state?: HoldState | undefined; review_due?: boolean }) => body(api.GET("/holds", { params: { query } }));
export const createHold = (input: HoldIn) => body(api.POST("/holds", { body: input }));
export const getHold = (id: string) => body(api.GET("/holds/{hold_id}", one(id)));
export const changeHold = (id: string, version: number, input: HoldPatch) => body(api.PATCH("/holds/{hold_id}", { params: { path: { hold_id: id } }, body: input, ...ifMatch(version) }));
export const reviewHold = (id: string) => body(api.POST("/holds/{hold_id}/review", one(id)));
export const liftHold = (id: string, version: number, confirm: string, why: string) =>
  body(api.POST("/holds/{hold_id}/lift", { params: { path: { hold_id: id } }, body: { confirm, ...(why === "" ? {} : { why }) }, ...ifMatch(version) }));
