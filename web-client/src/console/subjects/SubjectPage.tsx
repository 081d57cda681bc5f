import { useQuery } from "@tanstack/react-query";
import { useParams } from "react-router";
import { getSubject, listMessages } from "../../api/subjects";
import { Badge } from "../../components/Badge";
import { LoadedPage } from "../../components/LoadedPage";
import { Moment } from "../../components/moments";
import { Page } from "../../components/Page";
import { type TabSpec, Tabs } from "../../components/Tabs";
import { ConnectionList } from "../flow/ConnectionList";
import { MessageList } from "../flow/MessageList";
import { useMay } from "../session";
import { Consents } from "./Consents";
import { SubjectAbout } from "./SubjectAbout";

const BACK = { to: "/subjects", label: "Subjects" };

export function SubjectPage() {
  const { id = "" } = useParams();
  const may = useMay();
  const query = useQuery({ queryKey: ["subject", id], queryFn: () => getSubject(id) });
  return (
    <LoadedPage query={query} back={BACK}>
      {(subject) => {
        const tabs: TabSpec[] = [
          ...(may("consents:read") ? [{ id: "consents", label: "Consents", content: <Consents subject={subject} /> }] : []),
          ...(may("messages:read") ? [{ id: "messages", label: "Messages", content: <MessageList query={{ subject_id: id }} fetch={listMessages} /> }] : []),
          ...(may("connections:read") ? [{ id: "connections", label: "Connections", content: <ConnectionList filter={{ subject_id: id }} /> }] : []),
          { id: "about", label: "Details and rights", content: <SubjectAbout subject={subject} /> },
        ];
        return (
          <Page
            title={subject.external_id}
            back={BACK}
            lede={
              <span className="row tight">
                {subject.restricted && <Badge tone="warn">restricted</Badge>}
                <span>{subject.email ?? "no e-mail address known"}</span>
                <span className="faint">
                  last seen <Moment at={subject.last_seen_at} />
                </span>
              </span>
            }
          >
            <Tabs label="Subject" tabs={tabs} />
          </Page>
        );
      }}
    </LoadedPage>
  );
}
