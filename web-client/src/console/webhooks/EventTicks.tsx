import { Tick } from "../../components/choices";
import { EVENTS } from "./words";

/** Which events a webhook is told. */
export function EventTicks({ value, onChange }: { value: string[]; onChange: (value: string[]) => void }) {
  return (
    <fieldset>
      <legend className="label">Events</legend>
      <div className="form-grid" style={{ marginTop: "var(--s2)" }}>
        {EVENTS.map(({ id, label, hint }) => (
          <Tick key={id} name="/events" label={<code>{label}</code>} hint={hint} value={value.includes(id)} onChange={(on) => onChange(on ? [...value, id] : value.filter((each) => each !== id))} />
        ))}
      </div>
    </fieldset>
  );
}
