import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { Form } from "react-aria-components";
import { Problem, asProblem, byField } from "../api/problem";
import { Button, type ButtonKind } from "./Button";
import { ProblemNote } from "./ProblemNote";
import { usePhrases } from "./phrases";

interface ApiFormProps<T> {
  submit: () => Promise<T>;
  onDone: (result: T) => void;
  submitLabel: string;
  submitKind?: ButtonKind;
  /** Beside the submit button, for example "Cancel". */
  beside?: ReactNode;
  block?: boolean;
  disabled?: boolean;
  /** Handles a problem in its own way and returns true, or leaves it to the form. */
  onProblem?: (problem: Problem) => boolean;
  children: ReactNode;
}

interface Shown {
  whole: Problem;
  fields: Record<string, string[]>;
  rest: Problem["fields"];
}

/** A form that sends to the API and shows what comes back: at the field when a field is named, above the buttons otherwise. */
export function ApiForm<T>({ submit, onDone, submitLabel, submitKind = "primary", beside, block, disabled, onProblem, children }: ApiFormProps<T>) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Shown>();
  const form = useRef<HTMLFormElement>(null);
  const phrases = usePhrases();

  const whole = problem?.whole;

  const show = (fresh: Problem) => {
    const names = controls(form.current).map((control) => control.name);
    setProblem({ whole: fresh, ...byField(fresh, names, phrases.field) });
  };

  // Once the fields are marked: take the visitor to the first one.
  useEffect(() => {
    if (whole) form.current?.querySelector<HTMLElement>("[aria-invalid=true], [data-invalid] button")?.focus();
  }, [whole]);

  const onSubmit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    const missing = controls(form.current).filter((control) => control.getAttribute("aria-required") === "true" && control.value === "");
    if (missing.length > 0) {
      show(new Problem({ status: 0, code: "incomplete", title: "Something is missing", fields: missing.map(({ name }) => ({ field: name, code: "required", detail: "Please fill this in" })) }));
      return;
    }
    setBusy(true);
    setProblem(undefined);
    try {
      onDone(await submit());
    } catch (error) {
      const whole = asProblem(error);
      if (!onProblem?.(whole)) show(whole);
    } finally {
      setBusy(false);
    }
  };

  // An error goes with the first keystroke that answers it. Left to the library it would go when the field loses focus, that is
  // while the button is being pressed, and the page would shift away from under the pointer.
  const onInput = (event: FormEvent) => {
    const { name } = event.target as Control;
    setProblem((shown) => shown && answered(shown, name));
  };

  const shownAtFields = problem !== undefined && Object.keys(problem.fields).length > 0 && problem.rest.length === 0;
  return (
    <Form ref={form} onSubmit={onSubmit} validationErrors={problem?.fields ?? {}} validationBehavior="aria">
      <div className="stack" onInput={onInput}>
        {children}
        {problem && !shownAtFields && <ProblemNote problem={problem.whole} fields={problem.rest} />}
        <div className={beside ? "dialog-actions" : "row"}>
          {beside}
          <Button type="submit" kind={submitKind} isPending={busy} isDisabled={disabled ?? false} block={block ?? false} size={block ? "large" : "medium"}>
            {submitLabel}
          </Button>
        </div>
      </div>
    </Form>
  );
}

/** What is left to show once the field of this name was touched. */
function answered(shown: Shown, name: string): Shown | undefined {
  if (!(name in shown.fields)) return shown;
  const fields = Object.fromEntries(Object.entries(shown.fields).filter(([field]) => field !== name));
  return Object.keys(fields).length === 0 && shown.rest.length === 0 ? undefined : { ...shown, fields };
}

type Control = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

function controls(form: HTMLFormElement | null): Control[] {
  return Array.from(form?.elements ?? []).filter((element): element is Control => "name" in element && element.name !== "" && "value" in element);
}
