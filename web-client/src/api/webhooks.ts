import { api, body, done, ifMatch } from "./client";
import type { DeliveryState, WebhookIn, WebhookPatch } from "./types";

const one = (id: string) => ({ params: { path: { webhook_id: id } } });

export const listWebhooks = (query: { cursor?: string | undefined; endpoint_id?: string }) => body(api.GET("/webhooks", { params: { query } }));
export const createWebhook = (input: WebhookIn) => body(api.POST("/webhooks", { body: input }));
export const getWebhook = (id: string) => body(api.GET("/webhooks/{webhook_id}", one(id)));
export const changeWebhook = (id: string, version: number, input: WebhookPatch) => body(api.PATCH("/webhooks/{webhook_id}", { params: { path: { webhook_id: id } }, body: input, ...ifMatch(version) }));
export const deleteWebhook = (id: string) => done(api.DELETE("/webhooks/{webhook_id}", one(id)));
export const rotateWebhookSecret = (id: string) => body(api.POST("/webhooks/{webhook_id}/rotate-secret", one(id)));
export const testWebhook = (id: string) => body(api.POST("/webhooks/{webhook_id}/test", one(id)));
export const listDeliveries = (id: string, query: { cursor?: string | undefined; state?: DeliveryState }) =>
  body(api.GET("/webhooks/{webhook_id}/deliveries", { params: { path: { webhook_id: id }, query } }));
export const getDelivery = (id: string, delivery: string) => body(api.GET("/webhooks/{webhook_id}/deliveries/{delivery_id}", { params: { path: { webhook_id: id, delivery_id: delivery } } }));
export const replayDelivery = (id: string, delivery: string) => body(api.POST("/webhooks/{webhook_id}/deliveries/{delivery_id}/replay", { params: { path: { webhook_id: id, delivery_id: delivery } } }));
