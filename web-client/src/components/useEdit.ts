// Editing a versioned resource: what was changed here, what changed on the server meanwhile, and how the two come together.

import { useState } from "react";

export interface Edit<D extends object> {
  draft: D;
  set: <K extends keyof D>(key: K, value: D[K]) => void;
  /** Only what differs from the version that was loaded. */
  changes: Partial<D>;
  dirty: boolean;
  version: number;
  /** Takes a newer version as the base and keeps what was changed here. */
  rebase: (resource: { version: number }, fresh: D) => void;
  /** Takes a newer version and forgets what was changed here. */
  reset: (resource: { version: number }, fresh: D) => void;
}

export function useEdit<D extends object>(initial: D, initialVersion: number): Edit<D> {
  const [base, setBase] = useState({ values: initial, version: initialVersion });
  const [draft, setDraft] = useState(initial);
  const changes = difference(base.values, draft);
  return {
    draft,
    set: (key, value) => setDraft((current) => ({ ...current, [key]: value })),
    changes,
    dirty: Object.keys(changes).length > 0,
    version: base.version,
    rebase: (resource, fresh) => {
      setBase({ values: fresh, version: resource.version });
      setDraft({ ...fresh, ...changes });
    },
    reset: (resource, fresh) => {
      setBase({ values: fresh, version: resource.version });
      setDraft(fresh);
    },
  };
}

/** The fields of `next` that are not what `base` holds; compared by value. */
export function difference<D extends object>(base: D, next: D): Partial<D> {
  const changed = Object.entries(next).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(base[key as keyof D]));
  return Object.fromEntries(changed) as Partial<D>;
}

/** In a PATCH a missing field stays as it is and `null` clears; an emptied input means the latter. */
export function orNull<T extends string>(value: T | undefined): T | undefined {
  // The published types of optional fields do not spell out null.
  return value === "" ? (null as unknown as undefined) : value;
}
