import { useState } from "react";
import { Link } from "react-router";
import { resetPassword } from "../../api/account";
import { ApiForm } from "../../components/ApiForm";
import { Notice } from "../../components/Notice";
import { PasswordInput } from "../../components/PasswordInput";
import { DoorHead } from "./DoorHead";
import { useMailedToken } from "./mailedToken";

export function Reset() {
  const token = useMailedToken();
  const [password, setPassword] = useState("");
  const [done, setDone] = useState(false);
  return (
    <>
      <DoorHead title="Choose a new password">It ends every session that is open now.</DoorHead>
      {done ? (
        <Notice tone="good">
          Your password is changed. <Link to="/sign-in">Sign in</Link> with it.
        </Notice>
      ) : token === "" ? (
        <Notice tone="warn">
          This page opens from the link in our mail. <Link to="/forgot">Ask for a new one</Link>.
        </Notice>
      ) : (
        <ApiForm block submitLabel="Set password" submit={() => resetPassword({ token, password })} onDone={() => setDone(true)}>
          <PasswordInput name="/password" label="New password" value={password} onChange={setPassword} fresh />
        </ApiForm>
      )}
    </>
  );
}
