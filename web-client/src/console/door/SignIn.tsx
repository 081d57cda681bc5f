import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation, useNavigate } from "react-router";
import { signIn } from "../../api/account";
import { ApiForm } from "../../components/ApiForm";
import { TextInput } from "../../components/fields";
import { Notice } from "../../components/Notice";
import { PasswordInput } from "../../components/PasswordInput";
import { DoorHead } from "./DoorHead";

export function SignIn() {
  const navigate = useNavigate();
  const cache = useQueryClient();
  const state = useLocation().state as { from?: string; ended?: boolean } | null;
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [tenant, setTenant] = useState("");
  const [asksTenant, setAsksTenant] = useState(false);

  return (
    <>
      <DoorHead title="Sign in" />
      {state?.ended && <Notice>Your session has ended. Sign in to go on where you were.</Notice>}
      <ApiForm
        block
        submitLabel="Sign in"
        submit={() => signIn(tenant ? { email, password, tenant } : { email, password })}
        onDone={() => {
          cache.clear();
          navigate(state?.from ?? "/", { replace: true });
        }}
        onProblem={(problem) => {
          // The address belongs to several tenants: ask which one, and let the form show why.
          if (problem.fields.some(({ field }) => field === "/tenant")) setAsksTenant(true);
          return false;
        }}
      >
        <TextInput name="/email" label="E-mail" type="email" value={email} onChange={setEmail} required autoFocus autoComplete="username" />
        <PasswordInput name="/password" label="Password" value={password} onChange={setPassword} />
        {asksTenant && <TextInput name="/tenant" label="Tenant's short name" value={tenant} onChange={setTenant} code autoComplete="organization" hint="Your address is known to more than one tenant." />}
      </ApiForm>
      <p className="soft row between">
        <Link to="/forgot">Forgot your password?</Link>
        <Link to="/sign-up">Create a tenant</Link>
      </p>
    </>
  );
}
