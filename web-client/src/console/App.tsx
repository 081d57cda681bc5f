import { Suspense, lazy } from "react";
import { Route, Routes } from "react-router";
import { Skeleton } from "../components/states";
import { Door } from "./door/Door";
import { NotFound } from "./shell/NotFound";
import { Shell } from "./shell/Shell";

// Each page is a file of its own on the wire, loaded when it is first opened.
const SignUp = lazy(async () => ({ default: (await import("./door/SignUp")).SignUp }));
const SignIn = lazy(async () => ({ default: (await import("./door/SignIn")).SignIn }));
const Forgot = lazy(async () => ({ default: (await import("./door/Forgot")).Forgot }));
const Reset = lazy(async () => ({ default: (await import("./door/Reset")).Reset }));
const Verify = lazy(async () => ({ default: (await import("./door/Verify")).Verify }));
const Accept = lazy(async () => ({ default: (await import("./door/Accept")).Accept }));
const Overview = lazy(async () => ({ default: (await import("./overview/Overview")).Overview }));
const Endpoints = lazy(async () => ({ default: (await import("./endpoints/Endpoints")).Endpoints }));
const EndpointPage = lazy(async () => ({ default: (await import("./endpoints/EndpointPage")).EndpointPage }));
const Webhooks = lazy(async () => ({ default: (await import("./webhooks/Webhooks")).Webhooks }));
const WebhookPage = lazy(async () => ({ default: (await import("./webhooks/WebhookPage")).WebhookPage }));
const Connections = lazy(async () => ({ default: (await import("./flow/Connections")).Connections }));
const Messages = lazy(async () => ({ default: (await import("./flow/Messages")).Messages }));
const DataTypes = lazy(async () => ({ default: (await import("./catalogue/DataTypes")).DataTypes }));
const Purposes = lazy(async () => ({ default: (await import("./catalogue/Purposes")).Purposes }));
const Notices = lazy(async () => ({ default: (await import("./catalogue/Notices")).Notices }));
const NoticePage = lazy(async () => ({ default: (await import("./catalogue/NoticePage")).NoticePage }));
const Rules = lazy(async () => ({ default: (await import("./rules/Rules")).Rules }));
const Retention = lazy(async () => ({ default: (await import("./retention/Retention")).Retention }));
const Holds = lazy(async () => ({ default: (await import("./holds/Holds")).Holds }));
const Subjects = lazy(async () => ({ default: (await import("./subjects/Subjects")).Subjects }));
const SubjectPage = lazy(async () => ({ default: (await import("./subjects/SubjectPage")).SubjectPage }));
const Requests = lazy(async () => ({ default: (await import("./requests/Requests")).Requests }));
const RequestPage = lazy(async () => ({ default: (await import("./requests/RequestPage")).RequestPage }));
const Incidents = lazy(async () => ({ default: (await import("./incidents/Incidents")).Incidents }));
const IncidentPage = lazy(async () => ({ default: (await import("./incidents/IncidentPage")).IncidentPage }));
const Reports = lazy(async () => ({ default: (await import("./reports/Reports")).Reports }));
const ReportPage = lazy(async () => ({ default: (await import("./reports/ReportPage")).ReportPage }));
const Assessments = lazy(async () => ({ default: (await import("./assessments/Assessments")).Assessments }));
const AssessmentPage = lazy(async () => ({ default: (await import("./assessments/AssessmentPage")).AssessmentPage }));
const Records = lazy(async () => ({ default: (await import("./records/Records")).Records }));
const AuditLog = lazy(async () => ({ default: (await import("./audit/AuditLog")).AuditLog }));
const Members = lazy(async () => ({ default: (await import("./people/Members")).Members }));
const ApiKeys = lazy(async () => ({ default: (await import("./people/ApiKeys")).ApiKeys }));
const Settings = lazy(async () => ({ default: (await import("./settings/Settings")).Settings }));

export function App() {
  return (
    <Suspense fallback={<Skeleton lines={6} />}>
      <Routes>
        <Route element={<Door />}>
          <Route path="sign-up" element={<SignUp />} />
          <Route path="sign-in" element={<SignIn />} />
          <Route path="forgot" element={<Forgot />} />
          <Route path="reset" element={<Reset />} />
          <Route path="verify" element={<Verify />} />
          <Route path="invite" element={<Accept />} />
        </Route>
        <Route element={<Shell />}>
          <Route index element={<Overview />} />
          <Route path="endpoints" element={<Endpoints />} />
          <Route path="endpoints/:id" element={<EndpointPage />} />
          <Route path="webhooks" element={<Webhooks />} />
          <Route path="webhooks/:id" element={<WebhookPage />} />
          <Route path="connections" element={<Connections />} />
          <Route path="messages" element={<Messages />} />
          <Route path="data-types" element={<DataTypes />} />
          <Route path="purposes" element={<Purposes />} />
          <Route path="notices" element={<Notices />} />
          <Route path="notices/:id" element={<NoticePage />} />
          <Route path="rules" element={<Rules />} />
          <Route path="retention" element={<Retention />} />
          <Route path="holds" element={<Holds />} />
          <Route path="subjects" element={<Subjects />} />
          <Route path="subjects/:id" element={<SubjectPage />} />
          <Route path="requests" element={<Requests />} />
          <Route path="requests/:id" element={<RequestPage />} />
          <Route path="incidents" element={<Incidents />} />
          <Route path="incidents/:id" element={<IncidentPage />} />
          <Route path="reports" element={<Reports />} />
          <Route path="reports/:id" element={<ReportPage />} />
          <Route path="assessments" element={<Assessments />} />
          <Route path="assessments/:id" element={<AssessmentPage />} />
          <Route path="records" element={<Records />} />
          <Route path="audit" element={<AuditLog />} />
          <Route path="members" element={<Members />} />
          <Route path="api-keys" element={<ApiKeys />} />
          <Route path="settings" element={<Settings />} />
          <Route path="*" element={<NotFound />} />
        </Route>
      </Routes>
    </Suspense>
  );
}
