import { sendCode } from "../api/portal";
import { ApiForm } from "../components/ApiForm";
import { TextInput } from "../components/fields";
import { useWords } from "./words";

export function EnterEmail({ slug, email, onChange, onSent }: { slug: string; email: string; onChange: (email: string) => void; onSent: () => void }) {
  const words = useWords();
  return (
    <div className="stack">
      <h2>{words.email.title}</h2>
      <ApiForm block submitLabel={words.email.submit} submit={() => sendCode(slug, email.trim())} onDone={onSent}>
        <TextInput name="/email" label={words.email.label} type="email" inputMode="email" value={email} onChange={onChange} required autoComplete="email" hint={words.email.hint} />
      </ApiForm>
    </div>
  );
}
