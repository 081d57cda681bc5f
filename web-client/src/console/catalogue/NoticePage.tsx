import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useNavigate, useParams } from "react-router";
import { changeNotice, deleteNotice, getNotice, listNoticeVersions, publishNotice } from "../../api/catalogue";
import type { Notice as NoticeResource, NoticeVersion } from "../../api/types";
import { ApiForm } from "../../components/ApiForm";
import { Badge } from "../../components/Badge";
import { Button } from "../../components/Button";
import { CopyField } from "../../components/Copy";
import { Confirm } from "../../components/Dialog";
import { EditForm } from "../../components/EditForm";
import { LongText, TextInput } from "../../components/fields";
import { ListBody, useList } from "../../components/list";
import { LoadedPage } from "../../components/LoadedPage";
import { Moment } from "../../components/moments";
import { Card, Page } from "../../components/Page";
import { Empty } from "../../components/states";
import { toast } from "../../components/toasts";
import { useEdit } from "../../components/useEdit";
import { usePurposeList } from "../names";
import { useMay, useMe } from "../session";
import { PurposeTicks } from "./Notices";

const BACK = { to: "/notices", label: "Notices" };

export function NoticePage() {
  const { id = "" } = useParams();
  const may = useMay();
  const query = useQuery({ queryKey: ["notices", id], queryFn: () => getNotice(id) });
  const versions = useList(["notices", id, "versions"], (cursor) => listNoticeVersions(id, { cursor }));
  const mayWrite = may("catalogue:write");
  return (
    <LoadedPage query={query} back={BACK}>
      {(notice) => (
        <Page title={notice.name || notice.slug} back={BACK} lede={<code>{notice.slug}</code>}>
          <div className="grid-2">
            <Card title="Versions">
              <ListBody
                list={versions}
                empty={
                  <Empty icon="notice" title="Nothing published">
                    <p>Publish the first text; consents can refer to it from then on.</p>
                  </Empty>
                }
              >
                {(items) => (
                  <div className="stack wide-gap">
                    {items.map((version, index) => (
                      <VersionText key={version.id} version={version} latest={index === 0} />
                    ))}
                  </div>
                )}
              </ListBody>
            </Card>
            {mayWrite && (
              <div className="stack wide-gap">
                <Publish key={versions.items?.[0]?.id ?? "first"} notice={notice} last={versions.items?.[0]} />
                <NoticeSettings notice={notice} />
              </div>
            )}
          </div>
        </Page>
      )}
    </LoadedPage>
  );
}

function VersionText({ version, latest }: { version: NoticeVersion; latest: boolean }) {
  return (
    <article className="stack tight">
      <div className="row between">
        <h3>
          Version {version.number} {latest && <Badge tone="good">current</Badge>} <span className="faint small">{version.language}</span>
        </h3>
        <span className="faint small">
          <Moment at={version.published_at} />
        </span>
      </div>
      <pre className="payload" style={{ fontFamily: "inherit" }}>
        {version.text}
      </pre>
      <CopyField text={version.hash} what="hash of the text" />
    </article>
  );
}

function Publish({ notice, last }: { notice: NoticeResource; last: NoticeVersion | undefined }) {
  const cache = useQueryClient();
  const { tenant } = useMe();
  const [language, setLanguage] = useState(last?.language ?? tenant.language);
  const [text, setText] = useState(last?.text ?? "");
  return (
    <Card title={last ? "Publish a new version" : "Publish the first version"}>
      <ApiForm
        submitLabel="Publish"
        disabled={text.trim() === "" || text === last?.text}
        submit={() => publishNotice(notice.id, { language, text })}
        onDone={(version) => {
          void cache.invalidateQueries({ queryKey: ["notices"] });
          toast({ title: `Version ${version.number} is published.` });
        }}
      >
        <TextInput name="/language" label="Language" value={language} onChange={setLanguage} required code hint="A tag such as en or de-AT." />
        <LongText name="/text" label="Text" value={text} onChange={setText} required rows={10} hint="It cannot be changed afterwards, only followed by a newer version." />
      </ApiForm>
    </Card>
  );
}

function toDraft(notice: NoticeResource) {
  return { name: notice.name, purpose_ids: notice.purpose_ids };
}

function NoticeSettings({ notice }: { notice: NoticeResource }) {
  const cache = useQueryClient();
  const navigate = useNavigate();
  const purposes = usePurposeList();
  const edit = useEdit(toDraft(notice), notice.version);
  const [deleting, setDeleting] = useState(false);
  return (
    <Card title="Settings">
      <EditForm
        edit={edit}
        toDraft={toDraft}
        labels={{ name: "name", purpose_ids: "purposes" }}
        save={(version, changes) => changeNotice(notice.id, version, changes)}
        reload={() => getNotice(notice.id)}
        onSaved={() => {
          void cache.invalidateQueries({ queryKey: ["notices"] });
          toast({ title: "Saved." });
        }}
        beside={
          <Button kind="quiet bad" onPress={() => setDeleting(true)}>
            Delete…
          </Button>
        }
      >
        <TextInput name="/name" label="Name" value={edit.draft.name} onChange={(value) => edit.set("name", value)} required />
        <PurposeTicks purposes={purposes} chosen={edit.draft.purpose_ids} onChange={(ids) => edit.set("purpose_ids", ids)} />
      </EditForm>
      <Confirm
        title={`Delete ${notice.name || notice.slug}?`}
        confirmLabel="Delete notice"
        isOpen={deleting}
        onClose={() => setDeleting(false)}
        act={() => deleteNotice(notice.id)}
        onDone={() => {
          void cache.invalidateQueries({ queryKey: ["notices"] });
          navigate("/notices");
        }}
      >
        <p>A notice that somebody has consented to cannot be deleted: its text is their evidence, and yours.</p>
      </Confirm>
    </Card>
  );
}
