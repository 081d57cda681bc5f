import { api, body, done, ifMatch } from "./client";
import type { DataTypeIn, DataTypePatch, NoticeIn, NoticePatch, PurposeIn, PurposePatch } from "./types";

const at = (id: string) => ({ path: { id } });
type Query = { cursor?: string; limit?: number };

export const listDataTypes = (query: Query) => body(api.GET("/data-types", { params: { query } }));
export const createDataType = (input: DataTypeIn) => body(api.POST("/data-types", { body: input }));
export const changeDataType = (id: string, version: number, input: DataTypePatch) =>
  body(api.PATCH("/data-types/{id}", { params: at(id), body: input, ...ifMatch(version) }));
export const getDataType = (id: string) => body(api.GET("/data-types/{id}", { params: at(id) }));
export const deleteDataType = (id: string) => done(api.DELETE("/data-types/{id}", { params: at(id) }));
export const previewDataTypes = (input: { data: unknown; data_types?: DataTypeIn[] }) => body(api.POST("/data-types/preview", { body: input }));

export const listPurposes = (query: Query) => body(api.GET("/purposes", { params: { query } }));
export const createPurpose = (input: PurposeIn) => body(api.POST("/purposes", { body: input }));
export const changePurpose = (id: string, version: number, input: PurposePatch) =>
  body(api.PATCH("/purposes/{id}", { params: at(id), body: input, ...ifMatch(version) }));
export const getPurpose = (id: string) => body(api.GET("/purposes/{id}", { params: at(id) }));
export const deletePurpose = (id: string) => done(api.DELETE("/purposes/{id}", { params: at(id) }));

export const listNotices = (query: Query) => body(api.GET("/notices", { params: { query } }));
export const createNotice = (input: NoticeIn) => body(api.POST("/notices", { body: input }));
export const getNotice = (id: string) => body(api.GET("/notices/{id}", { params: at(id) }));
export const changeNotice = (id: string, version: number, input: NoticePatch) =>
  body(api.PATCH("/notices/{id}", { params: at(id), body: input, ...ifMatch(version) }));
export const deleteNotice = (id: string) => done(api.DELETE("/notices/{id}", { params: at(id) }));
export const listNoticeVersions = (id: string, query: Query) => body(api.GET("/notices/{id}/versions", { params: { ...at(id), query } }));
export const publishNotice = (id: string, input: { language: string; text: string }) =>
  body(api.POST("/notices/{id}/versions", { params: at(id), body: input }));
