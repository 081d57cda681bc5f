import { useQueryClient } from "@tanstack/react-query";
import { endSignIn, listSignIns } from "../../api/account";
import type { SignIn } from "../../api/types";
import { useAction } from "../../components/action";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { ListCard, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { Empty } from "../../components/states";
import { toastProblem } from "../../components/toasts";
import { useSignOut } from "../session";

const COLUMNS: Column<SignIn>[] = [
  {
    header: "Where",
    primary: true,
    cell: (row) => (
      <span className="row tight">
        <strong>{clientInWords(row.client)}</strong>
        {row.current && <Badge tone="good">this one</Badge>}
      </span>
    ),
  },
  { header: "Signed in", cell: (row) => <Moment at={row.created_at} /> },
  { header: "Last seen", cell: (row) => <Moment at={row.last_seen_at} /> },
  { header: "Ends", cell: (row) => <Moment at={row.expires_at} /> },
  { header: "Actions", actions: true, cell: (row) => <End signIn={row} /> },
];

export function SignIns() {
  const list = useList(["sessions"], (cursor) => listSignIns({ cursor }));
  return (
    <ListCard list={list} empty={<Empty icon="key" title="No sessions" />}>
      {(items) => <DataTable caption="Where you are signed in" columns={COLUMNS} rows={items} rowKey={(row) => row.id} />}
    </ListCard>
  );
}

function End({ signIn }: { signIn: SignIn }) {
  const cache = useQueryClient();
  const signOut = useSignOut();
  const end = useAction(async () => {
    await endSignIn(signIn.id);
    await cache.invalidateQueries({ queryKey: ["sessions"] });
  }, "That session has ended.");
  if (signIn.current) {
    return (
      <Button size="small" onPress={() => signOut().catch(toastProblem)}>
        Sign out
      </Button>
    );
  }
  return (
    <Button size="small" kind="quiet bad" onPress={() => end.run()} isPending={end.busy}>
      End it
    </Button>
  );
}

/** The browser and system out of a user agent, for recognising one's own; the rest of it says nothing to people. */
function clientInWords(client: string | undefined): string {
  if (!client) return "Unknown client";
  const browser = /(Firefox|Edg|OPR|Chrome|Safari|curl)[/ ]/.exec(client)?.[1];
  const system = /(Android|iPhone|iPad|Windows|Mac OS X|Linux)/.exec(client)?.[1];
  if (!browser) return client.slice(0, 40);
  const names: Record<string, string> = { Edg: "Edge", OPR: "Opera", "Mac OS X": "macOS" };
  return system ? `${names[browser] ?? browser} on ${names[system] ?? system}` : (names[browser] ?? browser);
}
