// Short names for the schemas of the published description.

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Tenant = Schemas["Tenant"];
export type Me = Schemas["Me"];
export type Member = Schemas["Member"];
export type Role = Member["role"];
export type SignIn = Schemas["Session"];
export type SignUpIn = Schemas["SignUpIn"];
export type TenantPatch = Schemas["TenantPatchIn"];
export type TenantKey = Schemas["TenantKey"];
export type Controller = Schemas["Controller"];
export type Usage = Schemas["Usage"];
export type UsageDay = Schemas["UsageDay"];
export type Invitation = Schemas["Invitation"];
export type ApiKey = Schemas["ApiKey"];
export type NewApiKey = Schemas["ApiKeyWithToken"];
export type Endpoint = Schemas["Endpoint"];
export type EndpointIn = Schemas["EndpointIn"];
export type EndpointPatch = Schemas["EndpointPatchIn"];
export type EndpointToken = Schemas["Token"];
export type Channel = Schemas["Channel"];
export type LiveChannel = Schemas["LiveChannel"];
export type Pool = Schemas["Pool"];
export type Published = Schemas["Published"];
export type Webhook = Schemas["Webhook"];
export type WebhookIn = Schemas["WebhookIn"];
export type WebhookPatch = Schemas["WebhookPatchIn"];
export type WebhookDelivery = Schemas["WebhookDelivery"];
export type WebhookAttempt = Schemas["WebhookAttempt"];
export type DeliveryState = WebhookDelivery["state"];
export type LogWitness = Schemas["LogWitness"];
export type DataType = Schemas["DataType"];
export type DataTypeIn = Schemas["DataTypeIn"];
export type DataTypePatch = Schemas["DataTypePatchIn"];
export type Minimise = Schemas["Minimise"];
export type Preview = Schemas["Preview"];
export type Purpose = Schemas["Purpose"];
export type PurposeIn = Schemas["PurposeIn"];
export type PurposePatch = Schemas["PurposePatchIn"];
export type LawfulBasis = Purpose["lawful_basis"];
export type Notice = Schemas["Notice"];
export type NoticeIn = Schemas["NoticeIn"];
export type NoticePatch = Schemas["NoticePatchIn"];
export type NoticeVersion = Schemas["NoticeVersion"];
export type Rule = Schemas["Rule"];
export type RuleIn = Schemas["RuleIn"];
export type RulePatch = Schemas["RulePatchIn"];
export type RuleVersion = Schemas["RuleVersion"];
export type RetentionChange = Schemas["RetentionChange"];
export type ExplainIn = Schemas["ExplainIn"];
export type Explanation = Schemas["Explanation"];
export type RetentionClass = Schemas["RetentionClass"];
export type Hold = Schemas["Hold"];
export type HoldIn = Schemas["HoldIn"];
export type HoldPatch = Schemas["HoldPatchIn"];
export type HoldState = Hold["state"];
export type Balance = Schemas["Balance"];
export type Subject = Schemas["Subject"];
export type ConsentState = Schemas["CurrentConsent"];
export type ConsentEvent = Schemas["ConsentEvent"];
export type ConsentIn = Schemas["ConsentIn"];
export type Connection = Schemas["Connection"];
export type Message = Schemas["Message"];
export type SubjectRequest = Schemas["Request"];
export type Callback = Schemas["Callback"];
export type RequestDetails = Schemas["RequestDetails"];
export type RequestEvent = Schemas["RequestEvent"];
export type Incident = Schemas["Incident"];
export type IncidentIn = Schemas["IncidentIn"];
export type IncidentPatch = Schemas["IncidentPatchIn"];
export type Report = Schemas["Report"];
export type AuditEvent = Schemas["AuditEvent"];
export type Log = Schemas["Log"];
export type Portal = Schemas["Portal"];
export type PortalMe = Schemas["PortalMe"];
export type PortalConsent = Schemas["PortalConsent"];
export type Held = Schemas["Held"];

/** One page of a list; `next_cursor` is absent on the last one. */
export interface Page<T> {
  items: T[];
  next_cursor?: string | undefined;
}
