// Line icons on a 24-unit grid, drawn here so that nothing is fetched. They repeat what the words beside them say, hence hidden.

const PATHS = {
  overview: "M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-4H4zM14 8h6V4h-6z",
  endpoint: "M8 12h8M12 8v8M4.5 8.5V6A1.5 1.5 0 0 1 6 4.5h2.5M15.5 4.5H18A1.5 1.5 0 0 1 19.5 6v2.5M19.5 15.5V18a1.5 1.5 0 0 1-1.5 1.5h-2.5M8.5 19.5H6A1.5 1.5 0 0 1 4.5 18v-2.5",
  hook: "M12 3.5v8.5a4.5 4.5 0 1 1-4.5 4.5M9 6.5l3-3 3 3M7.5 16.5 5 19",
  connection: "M9 12a3 3 0 1 0 6 0 3 3 0 0 0-6 0M6.3 17.7a8 8 0 0 1 0-11.4M17.7 6.3a8 8 0 0 1 0 11.4",
  message: "M4 5h16v11H9.5L5.5 19.5V16H4z",
  tag: "M12.5 4H20v7.5L11.5 20 4 12.5zM16 8h.01",
  purpose: "M12 21a9 9 0 1 1 0-18 9 9 0 0 1 0 18M12 16.5a4.5 4.5 0 1 1 0-9 4.5 4.5 0 0 1 0 9M12 12h.01",
  notice: "M6 3.5h8.5L18 7v13.5H6zM9 11h6M9 15h6M14 4v4h4",
  rule: "M7 3.5h10M7 20.5h10M8 3.5c0 4.5 8 5.5 8 8.5s-8 4-8 8.5M16 3.5c0 4.5-8 5.5-8 8.5s8 4 8 8.5",
  subject: "M12 11.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4.5 20.5a7.5 7.5 0 0 1 15 0",
  request: "M4 6.5h16v11H4zM4 7l8 6 8-6",
  audit: "M12 3.5 19 6v5.5c0 4.5-3 7.5-7 9-4-1.5-7-4.5-7-9V6zM9 12l2.2 2.2L15.5 10",
  members: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M3 20a6 6 0 0 1 12 0M15.5 4.5a3.3 3.3 0 0 1 0 6.2M17 14.5A6 6 0 0 1 21 20",
  key: "M14.5 9.5a4.5 4.5 0 1 0-4 4.5l1.5 1.5H14V18h2.5v2.5H20V17l-5.8-5.8M8 8h.01",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 9.3a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6M9 19.3a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6 6 18",
  check: "M5 12.5 10 17.5 19 7",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  down: "M6 9.5l6 6 6-6",
  back: "M14.5 6l-6 6 6 6",
  plus: "M12 5v14M5 12h14",
  warning: "M12 4 2.5 20h19zM12 10v4.5M12 17.3h.01",
  info: "M12 21a9 9 0 1 1 0-18 9 9 0 0 1 0 18M12 11v5.5M12 7.7h.01",
  download: "M12 4v11M7 10.5l5 5 5-5M4.5 20h15",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  unlock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 6.8-1.2",
  clock: "M12 21a9 9 0 1 1 0-18 9 9 0 0 1 0 18M12 7v5.2l3.3 2",
  search: "M10.5 17a6.5 6.5 0 1 1 0-13 6.5 6.5 0 0 1 0 13M15.5 15.5 20 20",
  out: "M14 4.5H5v15h9M10 12h10M16.5 8.5 20 12l-3.5 3.5",
  more: "M5.5 12h.01M12 12h.01M18.5 12h.01",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  const thick = name === "more";
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth={thick ? 2.6 : 1.7} strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
