// Fields that choose: a list that opens, a switch, a tick box, cards to pick one of.

import type { ReactNode } from "react";
import { Button, Checkbox, FieldError, Label, ListBox, ListBoxItem, Popover, Radio, RadioGroup, Select, SelectValue, Switch, Text } from "react-aria-components";
import { Icon } from "./Icon";
import { usePhrases } from "./phrases";

export interface Choice {
  id: string;
  label: string;
  hint?: string | undefined;
}

interface SelectInputProps {
  name: string;
  label: string;
  choices: readonly Choice[];
  value: string;
  onChange: (value: string) => void;
  hint?: ReactNode;
  required?: boolean;
  disabled?: boolean;
  placeholder?: string;
  hideLabel?: boolean;
}

/** A list that opens. The empty string is a choice like any other ("any endpoint"). */
export function SelectInput({ name, label, choices, value, onChange, hint, required, disabled, placeholder, hideLabel }: SelectInputProps) {
  const phrases = usePhrases();
  return (
    <Select
      name={name}
      value={choices.some((choice) => choice.id === value) ? value || NONE : null}
      onChange={(key) => onChange(key === NONE || key === null ? "" : String(key))}
      isRequired={required ?? false}
      isDisabled={disabled ?? false}
      validationBehavior="aria"
      placeholder={placeholder ?? phrases.choose}
      className="field"
    >
      <Label className={hideLabel ? "unseen" : "label"}>
        {label}
        {required === false && <span className="optional"> {phrases.optional}</span>}
      </Label>
      <Button className="select-button">
        <SelectValue />
        <Icon name="down" size={16} />
      </Button>
      {hint && <Text slot="description" className="hint">{hint}</Text>}
      <FieldError className="error" />
      <Popover className="popover">
        <ListBox className="options">
          {choices.map((choice) => (
            <ListBoxItem key={choice.id || NONE} id={choice.id || NONE} textValue={choice.label} className="option">
              <Text slot="label">{choice.label}</Text>
              {choice.hint && <Text slot="description">{choice.hint}</Text>}
            </ListBoxItem>
          ))}
        </ListBox>
      </Popover>
    </Select>
  );
}

// A collection key may not be empty.
const NONE = "—";

export function SwitchInput({ name, label, hint, value, onChange, disabled }: { name?: string; label: string; hint?: string; value: boolean; onChange: (value: boolean) => void; disabled?: boolean }) {
  return (
    <Switch {...(name ? { name } : {})} isSelected={value} onChange={onChange} isDisabled={disabled ?? false} className="switch">
      <span className="track" />
      <span>
        <strong>{label}</strong>
        {hint && <small>{hint}</small>}
      </span>
    </Switch>
  );
}

export function Tick({ name, label, hint, value, onChange, disabled }: { name?: string; label: ReactNode; hint?: string | undefined; value: boolean; onChange: (value: boolean) => void; disabled?: boolean }) {
  return (
    <Checkbox {...(name ? { name } : {})} isSelected={value} onChange={onChange} isDisabled={disabled ?? false} className="checkbox">
      <span className="box">
        <Icon name="check" size={13} />
      </span>
      <span>
        {label}
        {hint && <small>{hint}</small>}
      </span>
    </Checkbox>
  );
}

export function CardChoice({ name, label, choices, value, onChange }: { name: string; label: string; choices: readonly Choice[]; value: string; onChange: (value: string) => void }) {
  return (
    <RadioGroup name={name} value={value} onChange={onChange} validationBehavior="aria" className="field">
      <Label className="label">{label}</Label>
      <div className="choices">
        {choices.map((choice) => (
          <Radio key={choice.id} value={choice.id} className="radio">
            <span className="dot" />
            <span>
              <strong>{choice.label}</strong>
              {choice.hint && <small>{choice.hint}</small>}
            </span>
          </Radio>
        ))}
      </div>
      <FieldError className="error" />
    </RadioGroup>
  );
}
