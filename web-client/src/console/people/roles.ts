import type { Role } from "../../api/types";
import type { Choice } from "../../components/choices";

export const ROLES: (Choice & { id: Role })[] = [
  { id: "owner", label: "Owner", hint: "Everything, including other owners." },
  { id: "admin", label: "Admin", hint: "Everything but owners." },
  { id: "dpo", label: "Privacy officer", hint: "Purposes, notices, rules, people and their requests." },
  { id: "developer", label: "Developer", hint: "Endpoints, connections and messages." },
  { id: "auditor", label: "Auditor", hint: "Reads, changes nothing." },
];

export function roleInWords(role: string): string {
  return ROLES.find(({ id }) => id === role)?.label ?? role;
}
