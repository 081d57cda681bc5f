// Labelled inputs. A field's `name` is the JSON pointer of what it fills in the request body, so that an error of the API finds
// its field by name alone.

import type { ReactNode } from "react";
import { FieldError, Input, Label, Text, TextArea, TextField } from "react-aria-components";
import { usePhrases } from "./phrases";

export interface FieldProps {
  name: string;
  label: ReactNode;
  value: string;
  onChange: (value: string) => void;
  hint?: ReactNode;
  required?: boolean;
  disabled?: boolean;
  placeholder?: string;
}

interface TextInputProps extends FieldProps {
  type?: "text" | "email" | "url" | "search" | "number" | "datetime-local";
  autoComplete?: string;
  autoFocus?: boolean;
  code?: boolean;
  inputMode?: "text" | "numeric" | "email" | "url";
  after?: ReactNode;
}

export function TextInput({ name, label, value, onChange, hint, required, disabled, placeholder, type = "text", autoComplete = "off", autoFocus, code, inputMode, after }: TextInputProps) {
  return (
    <TextField
      name={name}
      value={value}
      onChange={onChange}
      isRequired={required ?? false}
      isDisabled={disabled ?? false}
      type={type === "number" || type === "datetime-local" ? "text" : type}
      validationBehavior="aria"
      autoComplete={autoComplete}
      autoFocus={autoFocus ?? false}
      className={code ? "field code" : "field"}
      {...(inputMode ? { inputMode } : {})}
    >
      <FieldLabel label={label} optional={required === false} />
      <div className={after ? "input-group with-button" : "input-group"}>
        <Input {...(placeholder ? { placeholder } : {})} {...(type === "number" || type === "datetime-local" ? { type } : {})} spellCheck={code ? "false" : undefined} />
        {after}
      </div>
      {hint && <Text slot="description" className="hint">{hint}</Text>}
      <FieldError className="error" />
    </TextField>
  );
}

export function LongText({ name, label, value, onChange, hint, required, disabled, placeholder, code, rows }: FieldProps & { code?: boolean; rows?: number }) {
  return (
    <TextField name={name} value={value} onChange={onChange} isRequired={required ?? false} isDisabled={disabled ?? false} validationBehavior="aria" className={code ? "field code" : "field"}>
      <FieldLabel label={label} optional={required === false} />
      <TextArea rows={rows ?? 4} {...(placeholder ? { placeholder } : {})} spellCheck={code ? "false" : undefined} />
      {hint && <Text slot="description" className="hint">{hint}</Text>}
      <FieldError className="error" />
    </TextField>
  );
}

/** Several values, one a line. */
export function Lines({ value, onChange, ...rest }: Omit<FieldProps, "value" | "onChange"> & { value: string[]; onChange: (value: string[]) => void; rows?: number }) {
  return <LongText {...rest} code rows={rest.rows ?? 3} value={value.join("\n")} onChange={(text) => onChange(text === "" ? [] : text.split("\n").map((line) => line.trimStart()))} />;
}

/** What the API wants of a `Lines` field: no blanks. */
export function filled(lines: string[]): string[] {
  return lines.map((line) => line.trim()).filter((line) => line !== "");
}

function FieldLabel({ label, optional }: { label: ReactNode; optional: boolean }) {
  const phrases = usePhrases();
  return (
    <Label>
      {label}
      {optional && <span className="optional"> {phrases.optional}</span>}
    </Label>
  );
}
