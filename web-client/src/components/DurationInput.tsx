import { type DurationUnit, asAmount, buildDuration, durationInWords, parseDuration } from "../format/duration";
import { SelectInput } from "./choices";
import { TextInput } from "./fields";

interface DurationInputProps {
  name: string;
  label: string;
  value: string;
  onChange: (iso: string) => void;
  units?: readonly DurationUnit[];
}

const ALL: readonly DurationUnit[] = ["seconds", "minutes", "hours", "days", "weeks", "months", "years"];

/** An amount and a unit that make an ISO 8601 duration. A duration of several parts (`P1DT12H`) is edited as text. */
export function DurationInput({ name, label, value, onChange, units = ALL }: DurationInputProps) {
  const simple = value === "" ? { amount: undefined, unit: "days" as DurationUnit } : asAmount(value);
  if (!simple) {
    return <TextInput name={name} label={label} value={value} onChange={onChange} required code hint={parseDuration(value) ? durationInWords(value) : "An ISO 8601 duration such as P30D or PT12H."} />;
  }
  const setAmount = (text: string) => {
    const amount = Number.parseInt(text, 10);
    onChange(Number.isFinite(amount) && amount >= 0 ? buildDuration(amount, simple.unit) : "");
  };
  return (
    <div className="inline-fields">
      <TextInput name={name} label={label} type="number" inputMode="numeric" value={simple.amount === undefined ? "" : String(simple.amount)} onChange={setAmount} required />
      <SelectInput
        name={`${name}#unit`}
        label="Unit"
        value={simple.unit}
        onChange={(unit) => onChange(buildDuration(simple.amount ?? 1, unit as DurationUnit))}
        choices={units.map((unit) => ({ id: unit, label: unit }))}
      />
    </div>
  );
}
