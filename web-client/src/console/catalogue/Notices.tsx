import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate } from "react-router";
import { createNotice, listNotices } from "../../api/catalogue";
import type { Notice, Purpose } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Button } from "../../components/Button";
import { Tick } from "../../components/choices";
import { type Column, DataTable } from "../../components/DataTable";
import { Dialog } from "../../components/Dialog";
import { TextInput } from "../../components/fields";
import { ListCard, useList } from "../../components/list";
import { Moment } from "../../components/moments";
import { Page } from "../../components/Page";
import { Empty } from "../../components/states";
import { slugFrom } from "../../format/slug";
import { type Names, useNames, usePurposeList } from "../names";
import { useMay } from "../session";
import { latestNumber } from "./noticeVersions";

function columns(names: Names): Column<Notice>[] {
  return [
    {
      header: "Notice",
      primary: true,
      cell: (row) => (
        <Link to={`/notices/${row.id}`} className="row-link">
          {row.name || row.slug}
        </Link>
      ),
    },
    { header: "Short name", cell: (row) => <code>{row.slug}</code> },
    { header: "For", cell: (row) => row.purpose_ids.map(names.purpose).join(", ") || <span className="faint">no purpose</span> },
    { header: "Version", cell: (row) => latestNumber(row) },
    { header: "Created", cell: (row) => <Moment at={row.created_at} /> },
  ];
}

export function Notices() {
  const may = useMay();
  const names = useNames();
  const [creating, setCreating] = useState(false);
  const list = useList(["notices", "list"], (cursor) => listNotices({ cursor }));
  const create = may("catalogue:write") && (
    <Button kind="primary" icon="plus" onPress={() => setCreating(true)}>
      New notice
    </Button>
  );
  return (
    <Page title="Notices" lede="The texts that people consent to. A version never changes once it is published; every consent refers to the exact words by their hash." actions={create}>
      <ListCard
        list={list}
        empty={
          <Empty icon="notice" title="No notice yet" action={create}>
            <p>Write what you ask people to agree to. When the text changes you publish a new version, and you can always show which one somebody saw.</p>
          </Empty>
        }
      >
        {(items) => <DataTable caption="Notices" columns={columns(names)} rows={items} rowKey={(row) => row.id} />}
      </ListCard>
      <Dialog title="New notice" isOpen={creating} onClose={() => setCreating(false)}>
        <NewNotice onClose={() => setCreating(false)} />
      </Dialog>
    </Page>
  );
}

function NewNotice({ onClose }: { onClose: () => void }) {
  const cache = useQueryClient();
  const navigate = useNavigate();
  const purposes = usePurposeList();
  const [name, setName] = useState("");
  const [ownSlug, setOwnSlug] = useState<string>();
  const [chosen, setChosen] = useState<string[]>([]);
  const slug = ownSlug ?? slugFrom(name);
  return (
    <ApiForm
      submitLabel="Create notice"
      beside={<Button onPress={onClose}>Cancel</Button>}
      submit={() => createNotice({ slug, name: name || slug, purpose_ids: chosen })}
      onDone={(notice) => {
        void cache.invalidateQueries({ queryKey: ["notices"] });
        navigate(`/notices/${notice.id}`);
      }}
    >
      <TextInput name="/name" label="Name" value={name} onChange={setName} required autoFocus placeholder="Chat terms" />
      <TextInput name="/slug" label="Short name" value={slug} onChange={setOwnSlug} required code />
      <PurposeTicks purposes={purposes} chosen={chosen} onChange={setChosen} />
    </ApiForm>
  );
}

export function PurposeTicks({ purposes, chosen, onChange }: { purposes: Purpose[] | undefined; chosen: string[]; onChange: (ids: string[]) => void }) {
  if (!purposes || purposes.length === 0) return <p className="faint">There are no purposes yet; you can add them to the notice later.</p>;
  return (
    <fieldset className="stack tight">
      <legend className="label">Speaks about</legend>
      {purposes.map((purpose) => (
        <Tick key={purpose.id} name="/purpose_ids" label={purpose.name} value={chosen.includes(purpose.id)} onChange={(on) => onChange(on ? [...chosen, purpose.id] : chosen.filter((id) => id !== purpose.id))} />
      ))}
    </fieldset>
  );
}
