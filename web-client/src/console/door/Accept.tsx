import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate } from "react-router";
import { acceptInvitation } from "../../api/account";
import { ApiForm } from "../../components/ApiForm";
import { TextInput } from "../../components/fields";
import { Notice } from "../../components/Notice";
import { PasswordInput } from "../../components/PasswordInput";
import { DoorHead } from "./DoorHead";
import { useMailedToken } from "./mailedToken";

export function Accept() {
  const token = useMailedToken();
  const navigate = useNavigate();
  const cache = useQueryClient();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  if (token === "") {
    return (
      <>
        <DoorHead title="Join your team" />
        <Notice tone="warn">This page opens from the link in the invitation.</Notice>
      </>
    );
  }
  return (
    <>
      <DoorHead title="Join your team">Choose how you sign in from now on. If you already have an account with this address, give its password.</DoorHead>
      <ApiForm
        block
        submitLabel="Join"
        submit={() => acceptInvitation({ token, name, password })}
        onDone={() => {
          cache.clear();
          navigate("/", { replace: true });
        }}
      >
        <TextInput name="/name" label="Your name" value={name} onChange={setName} required autoFocus autoComplete="name" />
        <PasswordInput name="/password" label="Password" value={password} onChange={setPassword} fresh about={[name]} />
      </ApiForm>
    </>
  );
}
