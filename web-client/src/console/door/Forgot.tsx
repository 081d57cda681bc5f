import { useState } from "react";
import { Link } from "react-router";
import { askPasswordReset } from "../../api/account";
import { ApiForm } from "../../components/ApiForm";
import { TextInput } from "../../components/fields";
import { Notice } from "../../components/Notice";
import { DoorHead } from "./DoorHead";

export function Forgot() {
  const [email, setEmail] = useState("");
  const [sent, setSent] = useState(false);
  return (
    <>
      <DoorHead title="Forgot your password">We send a link that lets you choose a new one.</DoorHead>
      {sent ? (
        <Notice tone="good">
          If <strong>{email}</strong> has an account here, the link is on its way. It works once, for a short time.
        </Notice>
      ) : (
        <ApiForm block submitLabel="Send the link" submit={() => askPasswordReset(email)} onDone={() => setSent(true)}>
          <TextInput name="/email" label="E-mail" type="email" value={email} onChange={setEmail} required autoFocus autoComplete="username" />
        </ApiForm>
      )}
      <p className="soft">
        <Link to="/sign-in">Back to sign in</Link>
      </p>
    </>
  );
}
