import type { IconName } from "../../components/Icon";

export interface NavItem {
  to: string;
  label: string;
  icon: IconName;
  /** Shown to whom one of these is granted; to everybody when empty. */
  needs: string[];
}

export const NAVIGATION: { heading?: string; items: NavItem[] }[] = [
  { items: [{ to: "/", label: "Overview", icon: "overview", needs: [] }] },
  {
    heading: "Flow",
    items: [
      { to: "/endpoints", label: "Endpoints", icon: "endpoint", needs: ["endpoints:read"] },
      { to: "/webhooks", label: "Webhooks", icon: "hook", needs: ["webhooks:read"] },
      { to: "/connections", label: "Connections", icon: "connection", needs: ["connections:read"] },
      { to: "/messages", label: "Messages", icon: "message", needs: ["messages:read"] },
    ],
  },
  {
    heading: "Promises",
    items: [
      { to: "/purposes", label: "Purposes", icon: "purpose", needs: ["catalogue:read"] },
      { to: "/notices", label: "Notices", icon: "notice", needs: ["catalogue:read"] },
      { to: "/data-types", label: "Data types", icon: "tag", needs: ["catalogue:read"] },
      { to: "/rules", label: "Retention rules", icon: "rule", needs: ["rules:read"] },
      { to: "/holds", label: "Legal holds", icon: "lock", needs: ["holds:read"] },
      { to: "/assessments", label: "Assessments", icon: "search", needs: ["assessments:read"] },
    ],
  },
  {
    heading: "People",
    items: [
      { to: "/subjects", label: "Subjects", icon: "subject", needs: ["subjects:read"] },
      { to: "/requests", label: "Requests", icon: "request", needs: ["requests:read"] },
    ],
  },
  {
    heading: "Proof",
    items: [
      { to: "/retention", label: "Balances", icon: "check", needs: ["rules:read"] },
      { to: "/incidents", label: "Incidents", icon: "warning", needs: ["incidents:read"] },
      { to: "/reports", label: "Reports", icon: "check", needs: ["reports:read"] },
      { to: "/records", label: "Records of processing", icon: "notice", needs: ["reports:read"] },
      { to: "/audit", label: "Audit log", icon: "audit", needs: ["audit:read"] },
    ],
  },
  {
    heading: "Tenant",
    items: [
      { to: "/members", label: "Members", icon: "members", needs: ["members:read"] },
      { to: "/api-keys", label: "API keys", icon: "key", needs: ["keys:write"] },
      { to: "/settings", label: "Settings", icon: "settings", needs: [] },
    ],
  },
];
