import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { changeMe } from "../../api/account";
import { ApiForm } from "../../components/ApiForm";
import { TextInput } from "../../components/fields";
import { Card } from "../../components/Page";
import { PasswordInput } from "../../components/PasswordInput";
import { toast } from "../../components/toasts";
import { ME, useMe } from "../session";

export function AccountSettings() {
  const { account } = useMe();
  const cache = useQueryClient();
  const [name, setName] = useState(account?.name ?? "");
  const [current, setCurrent] = useState("");
  const [fresh, setFresh] = useState("");
  return (
    <div className="grid-2">
      <Card title="You">
        <ApiForm
          submitLabel="Save changes"
          disabled={name === account?.name}
          submit={() => changeMe({ name })}
          onDone={() => {
            void cache.invalidateQueries({ queryKey: ME });
            toast({ title: "Saved." });
          }}
        >
          <TextInput name="/name" label="Name" value={name} onChange={setName} required autoComplete="name" />
          <p className="soft">
            You sign in as <strong>{account?.email}</strong>
            {account?.email_verified_at ? "." : ", which is not confirmed yet."}
          </p>
        </ApiForm>
      </Card>
      <Card title="Password">
        <ApiForm
          submitLabel="Change password"
          submit={() => changeMe({ password: { current, new: fresh } })}
          onDone={() => {
            setCurrent("");
            setFresh("");
            toast({ title: "Your password is changed." });
          }}
        >
          <PasswordInput name="/password/current" label="Present password" value={current} onChange={setCurrent} />
          <PasswordInput name="/password/new" label="New password" value={fresh} onChange={setFresh} fresh about={[account?.name ?? ""]} />
        </ApiForm>
      </Card>
    </div>
  );
}
