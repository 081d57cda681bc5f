import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate } from "react-router";
import { createSubject, listSubjects } from "../../api/subjects";
import type { Subject } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { Dialog } from "../../components/Dialog";
import { TextInput } from "../../components/fields";
import { ListCard, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { Page } from "../../components/Page";
import { Empty } from "../../components/states";
import { useMay } from "../session";

const COLUMNS: Column<Subject>[] = [
  {
    header: "Person",
    primary: true,
    cell: (row) => (
      <Link to={`/subjects/${row.id}`} className="row-link anywhere">
        {row.external_id}
      </Link>
    ),
  },
  { header: "E-mail", cell: (row) => (row.email ? <span className="anywhere">{row.email}</span> : <span className="faint">unknown</span>) },
  { header: "Last seen", cell: (row) => <Moment at={row.last_seen_at} /> },
  { header: "Known since", cell: (row) => <Moment at={row.created_at} /> },
  { header: "State", cell: (row) => row.restricted && <Badge tone="warn">restricted</Badge> },
];

export function Subjects() {
  const may = useMay();
  const [text, setText] = useState("");
  const [sought, setSought] = useState("");
  const [creating, setCreating] = useState(false);
  const filter = sought === "" ? {} : sought.includes("@") ? { email: sought } : { external_id: sought };
  const list = useList(["subjects", filter], (cursor) => listSubjects({ ...filter, ...(cursor ? { cursor } : {}) }));
  const create = may("subjects:write") && (
    <Button kind="primary" icon="plus" onPress={() => setCreating(true)}>
      New subject
    </Button>
  );
  return (
    <Page title="Subjects" lede="The people that data is about, under your own ids. Somebody who connects is added here by themselves." actions={create}>
      <form
        className="toolbar"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          setSought(text.trim());
        }}
      >
        <div className="field grow">
          <TextInput name="sought" label="Find by your id or e-mail" type="search" value={text} onChange={setText} placeholder="user-42 or kim@example.com" />
        </div>
        <Button type="submit" icon="search">
          Find
        </Button>
        {sought !== "" && (
          <Button
            kind="quiet"
            onPress={() => {
              setText("");
              setSought("");
            }}
          >
            Show all
          </Button>
        )}
      </form>
      <ListCard
        list={list}
        empty={
          sought === "" ? (
            <Empty icon="subject" title="Nobody yet" action={create}>
              <p>When somebody connects with a token, its subject appears here. You can also add people, for instance to record consents before they first connect.</p>
            </Empty>
          ) : (
            <Empty icon="search" title="Nobody found">
              <p>There is no subject with exactly this {sought.includes("@") ? "e-mail address" : "id"}.</p>
            </Empty>
          )
        }
      >
        {(items) => <DataTable caption="Subjects" columns={COLUMNS} rows={items} rowKey={(row) => row.id} />}
      </ListCard>
      <Dialog title="New subject" isOpen={creating} onClose={() => setCreating(false)}>
        <NewSubject onClose={() => setCreating(false)} />
      </Dialog>
    </Page>
  );
}

function NewSubject({ onClose }: { onClose: () => void }) {
  const cache = useQueryClient();
  const navigate = useNavigate();
  const [externalId, setExternalId] = useState("");
  const [email, setEmail] = useState("");
  return (
    <ApiForm
      submitLabel="Add"
      beside={<Button onPress={onClose}>Cancel</Button>}
      submit={() => createSubject(email ? { external_id: externalId, email } : { external_id: externalId })}
      onDone={(subject) => {
        void cache.invalidateQueries({ queryKey: ["subjects"] });
        navigate(`/subjects/${subject.id}`);
      }}
    >
      <TextInput name="/external_id" label="Your id of them" value={externalId} onChange={setExternalId} required autoFocus code placeholder="user-42" hint="The same as `sub` in their tokens." />
      <TextInput name="/email" label="E-mail" type="email" value={email} onChange={setEmail} required={false} hint="Lets them use the privacy page. It is stored sealed." />
    </ApiForm>
  );
}
