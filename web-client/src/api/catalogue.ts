import { api, body, done, ifMatch } from "./client";
import type { DataTypeIn, DataTypePatch, NoticeIn, NoticePatch, PurposeIn, PurposePatch } from "./types";

type Query = { cursor?: string; limit?: number };

export const listDataTypes = (query: Query) => body(api.GET("/data-types", { params: { query } }));
export const createDataType = (input: DataTypeIn) => body(api.POST("/data-types", { body: input }));
export const changeDataType = (id: string, version: number, input: DataTypePatch) =>
  body(api.PATCH("/data-types/{data_type_id}", { params: { path: { data_type_id: id } }, body: input, ...ifMatch(version) }));
export const getDataType = (id: string) => body(api.GET("/data-types/{data_type_id}", { params: { path: { data_type_id: id } } }));
export const deleteDataType = (id: string) => done(api.DELETE("/data-types/{data_type_id}", { params: { path: { data_type_id: id } } }));
export const previewDataTypes = (input: { data: unknown; data_types?: DataTypeIn[] }) => body(api.POST("/data-types/preview", { body: input }));

export const listPurposes = (query: Query) => body(api.GET("/purposes", { params: { query } }));
export const createPurpose = (input: PurposeIn) => body(api.POST("/purposes", { body: input }));
export const changePurpose = (id: string, version: number, input: PurposePatch) =>
  body(api.PATCH("/purposes/{purpose_id}", { params: { path: { purpose_id: id } }, body: input, ...ifMatch(version) }));
export const getPurpose = (id: string) => body(api.GET("/purposes/{purpose_id}", { params: { path: { purpose_id: id } } }));
export const deletePurpose = (id: string) => done(api.DELETE("/purposes/{purpose_id}", { params: { path: { purpose_id: id } } }));

export const listNotices = (query: Query) => body(api.GET("/notices", { params: { query } }));
export const createNotice = (input: NoticeIn) => body(api.POST("/notices", { body: input }));
export const getNotice = (id: string) => body(api.GET("/notices/{notice_id}", { params: { path: { notice_id: id } } }));
export const changeNotice = (id: string, version: number, input: NoticePatch) =>
  body(api.PATCH("/notices/{notice_id}", { params: { path: { notice_id: id } }, body: input, ...ifMatch(version) }));
export const deleteNotice = (id: string) => done(api.DELETE("/notices/{notice_id}", { params: { path: { notice_id: id } } }));
export const listNoticeVersions = (id: string, query: Query) => body(api.GET("/notices/{notice_id}/versions", { params: { path: { notice_id: id }, query } }));
export const publishNotice = (id: string, input: { language: string; text: string }) =>
  body(api.POST("/notices/{notice_id}/versions", { params: { path: { notice_id: id } }, body: input }));
