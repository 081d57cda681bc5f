import { useState } from "react";
import { FieldError, Input, Label, Text, TextField } from "react-aria-components";
import { passwordHint } from "../format/password";
import { Button } from "./Button";

interface PasswordInputProps {
  name: string;
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** A new password gets a strength hint; `about` are words it should not repeat. */
  fresh?: boolean;
  about?: string[];
}

export function PasswordInput({ name, label, value, onChange, fresh = false, about = [] }: PasswordInputProps) {
  const [shown, setShown] = useState(false);
  const hint = passwordHint(value, about);
  return (
    <TextField name={name} value={value} onChange={onChange} type={shown ? "text" : "password"} isRequired validationBehavior="aria" autoComplete={fresh ? "new-password" : "current-password"} className="field">
      <Label>{label}</Label>
      <div className="input-group with-button">
        <Input spellCheck="false" />
        <Button kind="quiet" size="small" onPress={() => setShown(!shown)} aria-label={shown ? "Hide password" : "Show password"}>
          {shown ? "Hide" : "Show"}
        </Button>
      </div>
      {fresh && (
        <>
          <span className="strength" data-score={hint.score} aria-hidden="true">
            <i />
            <i />
            <i />
            <i />
          </span>
          <Text slot="description" className="hint">{hint.words}</Text>
        </>
      )}
      <FieldError className="error" />
    </TextField>
  );
}
