import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { changeRole, listInvitations, listMembers, removeMember, revokeInvitation } from "../../api/tenant";
import type { Invitation, Member } from "../../api/types";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { ApiForm } from "../../components/ApiForm";
import { CardChoice } from "../../components/choices";
import { type Column, DataTable } from "../../components/DataTable";
import { Confirm, Dialog } from "../../components/Dialog";
import { ListCard, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { Page } from "../../components/Page";
import { Empty } from "../../components/states";
import { toast, toastProblem } from "../../components/toasts";
import { RowMenu } from "../RowMenu";
import { useMay, useMe } from "../session";
import { Invite } from "./Invite";
import { ROLES, roleInWords } from "./roles";

type Open = { what: "invite" } | { what: "role" | "remove"; member: Member } | { what: "revoke"; invitation: Invitation };

export function Members() {
  const may = useMay();
  const me = useMe();
  const cache = useQueryClient();
  const members = useList(["members"], (cursor) => listMembers({ cursor }));
  const invitations = useList(["invitations"], (cursor) => listInvitations({ cursor }));
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  const refresh = () => {
    void cache.invalidateQueries({ queryKey: ["members"] });
    void cache.invalidateQueries({ queryKey: ["invitations"] });
  };
  const mayWrite = may("members:write");
  const offerUndo = (before: Member, changed: Member) =>
    toast({
      title: `${changed.name} is now ${roleInWords(changed.role).toLowerCase()}.`,
      action: {
        label: "Undo",
        run: () => void changeRole(changed.id, changed.version, before.role).then(refresh, toastProblem),
      },
    });
  const waiting = invitations.items?.filter(({ accepted_at }) => accepted_at === undefined) ?? [];

  const columns: Column<Member>[] = [
    {
      header: "Member",
      primary: true,
      cell: (row) => (
        <span className="row">
          <span className="avatar" aria-hidden="true">
            {row.name.charAt(0).toUpperCase()}
          </span>
          <span className="stack" style={{ gap: 0 }}>
            <strong>
              {row.name} {row.id === me.member?.id && <span className="faint">(you)</span>}
            </strong>
            <span className="faint small">{row.email}</span>
          </span>
        </span>
      ),
    },
    { header: "Role", cell: (row) => <Badge tone="accent">{roleInWords(row.role)}</Badge> },
    { header: "Since", cell: (row) => <Moment at={row.created_at} /> },
    ...(mayWrite
      ? [
          {
            header: "Actions",
            actions: true,
            cell: (row: Member) => (
              <RowMenu
                of={row.name}
                actions={[
                  { label: "Change role…", run: () => setOpen({ what: "role", member: row }) },
                  { label: "Remove…", run: () => setOpen({ what: "remove", member: row }), bad: true },
                ]}
              />
            ),
          },
        ]
      : []),
  ];
  const invited: Column<Invitation>[] = [
    { header: "Invited", primary: true, cell: (row) => <strong>{row.email}</strong> },
    { header: "As", cell: (row) => roleInWords(row.role) },
    { header: "Valid until", cell: (row) => <Moment at={row.expires_at} /> },
    ...(mayWrite
      ? [
          {
            header: "Actions",
            actions: true,
            cell: (row: Invitation) => (
              <Button size="small" kind="quiet bad" onPress={() => setOpen({ what: "revoke", invitation: row })}>
                Revoke…
              </Button>
            ),
          },
        ]
      : []),
  ];

  return (
    <Page
      title="Members"
      lede="Your team, and what each of them may do."
      actions={
        mayWrite && (
          <Button kind="primary" icon="plus" onPress={() => setOpen({ what: "invite" })}>
            Invite
          </Button>
        )
      }
    >
      <ListCard list={members} empty={<Empty icon="members" title="Nobody" />}>
        {(items) => <DataTable caption="Members" columns={columns} rows={items} rowKey={(row) => row.id} />}
      </ListCard>
      {waiting.length > 0 && (
        <div className="card">
          <DataTable caption="Open invitations" columns={invited} rows={waiting} rowKey={(row) => row.id} />
        </div>
      )}
      <Dialog title="Invite somebody" isOpen={open?.what === "invite"} onClose={close}>
        <Invite
          onClose={close}
          onDone={(invitation) => {
            close();
            refresh();
            toast({ title: `An invitation is on its way to ${invitation.email}.` });
          }}
        />
      </Dialog>
      <Dialog title={open?.what === "role" ? `Role of ${open.member.name}` : ""} isOpen={open?.what === "role"} onClose={close}>
        {open?.what === "role" && (
          <ChangeRole
            member={open.member}
            onClose={close}
            onDone={(changed) => {
              close();
              refresh();
              offerUndo(open.member, changed);
            }}
          />
        )}
      </Dialog>
      <Confirm
        title={open?.what === "remove" ? `Remove ${open.member.name}?` : ""}
        confirmLabel="Remove"
        isOpen={open?.what === "remove"}
        onClose={close}
        act={async () => {
          if (open?.what === "remove") await removeMember(open.member.id);
        }}
        onDone={refresh}
      >
        <p>They are signed out everywhere and cannot get back in. What they did stays in the audit log. API keys they made keep working until you revoke them.</p>
      </Confirm>
      <Confirm
        title={open?.what === "revoke" ? `Revoke the invitation of ${open.invitation.email}?` : ""}
        confirmLabel="Revoke"
        isOpen={open?.what === "revoke"}
        onClose={close}
        act={async () => {
          if (open?.what === "revoke") await revokeInvitation(open.invitation.id);
        }}
        onDone={refresh}
      >
        <p>The link in their mail stops working.</p>
      </Confirm>
    </Page>
  );
}

function ChangeRole({ member, onClose, onDone }: { member: Member; onClose: () => void; onDone: (changed: Member) => void }) {
  const [role, setRole] = useState(member.role);
  return (
    <ApiForm submitLabel="Change role" disabled={role === member.role} beside={<Button onPress={onClose}>Cancel</Button>} submit={() => changeRole(member.id, member.version, role)} onDone={onDone}>
      <CardChoice name="/role" label="Role" choices={ROLES} value={role} onChange={(value) => setRole(value as Member["role"])} />
    </ApiForm>
  );
}
