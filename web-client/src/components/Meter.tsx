import { Label, Meter as AriaMeter } from "react-aria-components";

/** A quota as a thin bar. Drawn with SVG so that its width is an attribute, not a style. */
export function Meter({ label, value, max, words }: { label: string; value: number; max: number; words: string }) {
  const share = max > 0 ? Math.min(1, value / max) : 0;
  const color = share >= 0.95 ? "var(--bad)" : share >= 0.8 ? "var(--warn)" : "var(--accent)";
  return (
    <AriaMeter value={value} maxValue={Math.max(max, 1)} valueLabel={words} className="stack" style={{ gap: "0.4rem" }}>
      <span className="row between small">
        <Label>{label}</Label>
        <span className="faint num">{words}</span>
      </span>
      <span className="meter">
        <svg width="100%" height="5" preserveAspectRatio="none" viewBox="0 0 100 5" aria-hidden="true">
          <rect width={share === 0 ? 0 : Math.max(share * 100, 0.8)} height="5" rx="1" fill={color} />
        </svg>
      </span>
    </AriaMeter>
  );
}
