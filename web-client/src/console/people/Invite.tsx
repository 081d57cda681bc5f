import { useState } from "react";
import { invite } from "../../api/tenant";
import type { Invitation, Role } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Button } from "../../components/Button";
import { CardChoice } from "../../components/choices";
import { TextInput } from "../../components/fields";
import { ROLES } from "./roles";

export function Invite({ onClose, onDone }: { onClose: () => void; onDone: (invitation: Invitation) => void }) {
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("developer");
  return (
    <ApiForm submitLabel="Send invitation" beside={<Button onPress={onClose}>Cancel</Button>} submit={() => invite({ email, role })} onDone={onDone}>
      <TextInput name="/email" label="E-mail" type="email" value={email} onChange={setEmail} required autoFocus />
      <CardChoice name="/role" label="Role" choices={ROLES} value={role} onChange={(value) => setRole(value as Role)} />
    </ApiForm>
  );
}
