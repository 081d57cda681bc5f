// The mark: three flows that reach the crest, fall, and leave lower: pooled, gated, drained.

export function Logo({ size = 34 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" fill="none" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#0e6875" />
      <g stroke="#e9f6f4" strokeWidth="2.4" strokeLinecap="round">
        <path d="M5 9.5h8.5c4.5 0 4 9.5 8.5 9.5h5" />
        <path d="M5 15h6.5c4 0 3.5 8.5 8 8.5h7" strokeOpacity=".72" />
        <path d="M5 20.5h4.5c3 0 3 4.5 6 4.5" strokeOpacity=".4" />
      </g>
    </svg>
  );
}
