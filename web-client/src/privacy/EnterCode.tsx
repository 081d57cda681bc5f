import { useEffect, useRef, useState } from "react";
import { FieldError, Input, Label, TextField } from "react-aria-components";
import { openPortal, sendCode } from "../api/portal";
import { Problem } from "../api/problem";
import { useAction } from "../components/action";
import { ApiForm } from "../components/ApiForm";
import { Button } from "../components/Button";
import { toast } from "../components/toasts";
import { useWords } from "./words";

const LENGTH = 6;
const RESEND_AFTER_SECONDS = 45;

export function EnterCode({ slug, email, onOpened, onBack }: { slug: string; email: string; onOpened: () => void; onBack: () => void }) {
  const words = useWords();
  const [code, setCode] = useState("");
  const form = useRef<HTMLDivElement>(null);

  const open = async () => {
    try {
      await openPortal(slug, { email: email.trim(), code });
    } catch (error) {
      setCode("");
      // The API says only that code and address do not fit; here that can be said at the field.
      if (error instanceof Problem && error.status === 401) {
        throw new Problem({ status: 401, code: "said", title: words.code.wrong, requestId: error.requestId, fields: [{ field: "/code", code: "said", detail: words.code.wrong }] });
      }
      throw error;
    }
  };

  // The last digit sends it: one thing less to press. Pasting and the phone's own suggestion work the same way.
  useEffect(() => {
    if (code.length === LENGTH) form.current?.querySelector("form")?.requestSubmit();
  }, [code]);

  return (
    <div className="stack" ref={form}>
      <h2>{words.code.title}</h2>
      <p className="soft">{words.code.sent(email)}</p>
      <ApiForm block submitLabel={words.code.submit} submit={open} onDone={onOpened} disabled={code.length < LENGTH}>
        <TextField name="/code" value={code} onChange={(text) => setCode(text.replace(/\D/g, "").slice(0, LENGTH))} isRequired validationBehavior="aria" inputMode="numeric" autoComplete="one-time-code" autoFocus className="field code-field">
          <Label>{words.code.label}</Label>
          <Input />
          <FieldError className="error" />
        </TextField>
      </ApiForm>
      <div className="row between">
        <Resend slug={slug} email={email} />
        <Button kind="quiet" onPress={onBack}>
          {words.code.other}
        </Button>
      </div>
    </div>
  );
}

function Resend({ slug, email }: { slug: string; email: string }) {
  const words = useWords();
  const [left, setLeft] = useState(RESEND_AFTER_SECONDS);
  useEffect(() => {
    if (left === 0) return;
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  const resend = useAction(async () => {
    await sendCode(slug, email.trim());
    setLeft(RESEND_AFTER_SECONDS);
    toast({ title: words.code.resent });
  });
  return (
    <Button kind="quiet" onPress={() => resend.run()} isPending={resend.busy} isDisabled={left > 0}>
      {left > 0 ? words.code.resendIn(left) : words.code.resend}
    </Button>
  );
}
