import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate } from "react-router";
import { signUp } from "../../api/account";
import { ApiForm } from "../../components/ApiForm";
import { TextInput } from "../../components/fields";
import { PasswordInput } from "../../components/PasswordInput";
import { slugFrom } from "../../format/slug";
import { DoorHead } from "./DoorHead";

export function SignUp() {
  const navigate = useNavigate();
  const cache = useQueryClient();
  const [organisation, setOrganisation] = useState("");
  // Follows the name until somebody types a short name of their own.
  const [ownSlug, setOwnSlug] = useState<string>();
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const slug = ownSlug ?? slugFrom(organisation);

  return (
    <>
      <DoorHead title="Create your tenant">A few fields, then your first endpoint takes a minute.</DoorHead>
      <ApiForm
        block
        submitLabel="Create tenant"
        submit={() => signUp({ tenant: { name: organisation, slug }, owner: { name, email, password } })}
        onDone={() => {
          cache.clear();
          navigate("/", { replace: true });
        }}
      >
        <TextInput name="/tenant/name" label="Organisation" value={organisation} onChange={setOrganisation} required autoFocus autoComplete="organization" />
        <TextInput
          name="/tenant/slug"
          label="Short name"
          value={slug}
          onChange={setOwnSlug}
          required
          code
          hint={
            <>
              Part of your addresses: <code>/connect/{slug || "acme"}/…</code> and <code>/privacy/{slug || "acme"}</code>. It cannot be changed later.
            </>
          }
        />
        <TextInput name="/owner/name" label="Your name" value={name} onChange={setName} required autoComplete="name" />
        <TextInput name="/owner/email" label="E-mail" type="email" value={email} onChange={setEmail} required autoComplete="email" />
        <PasswordInput name="/owner/password" label="Password" value={password} onChange={setPassword} fresh about={[organisation, name, email.split("@")[0] ?? ""]} />
      </ApiForm>
      <p className="soft">
        Already have a tenant? <Link to="/sign-in">Sign in</Link>
      </p>
    </>
  );
}
