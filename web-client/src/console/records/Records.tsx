import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { type Activity, getRecord, recordUrl } from "../../api/reports";
import { DownloadLink } from "../../components/Button";
import { type Column, DataTable } from "../../components/DataTable";
import { Notice } from "../../components/Notice";
import { Card, Page } from "../../components/Page";
import { Empty, Loaded } from "../../components/states";
import { Tabs } from "../../components/Tabs";
import { durationInWords } from "../../format/duration";
import { fullTime } from "../../format/time";
import { gaps, NOT_DECLARED } from "./gaps";

type Role = "controller" | "processor";

export function Records() {
  return (
    <Page title="Records of processing" lede="What GDPR Art. 30 asks you to keep. It is made of what is declared and enforced here, so it is never out of date.">
      <Tabs
        label="Whose record"
        tabs={[
          { id: "controller", label: "Yours, as the controller", content: <Record whose="controller" /> },
          { id: "processor", label: "Of whoever runs Weir for you", content: <Record whose="processor" /> },
        ]}
      />
    </Page>
  );
}

function Record({ whose }: { whose: Role }) {
  const query = useQuery({ queryKey: ["processing-record", whose], queryFn: () => getRecord(whose) });
  return (
    <Loaded query={query}>
      {(record) => {
        const missing = gaps(record);
        const { name, email, phone } = record.contact;
        return (
          <div className="stack">
            <Card
              title={record.record}
              aside={
                <div className="row tight">
                  {(["html", "csv", "json"] as const).map((format) => (
                    <DownloadLink key={format} href={recordUrl(whose, format)} size="small">
                      {format === "html" ? "Page to print" : format.toUpperCase()}
                    </DownloadLink>
                  ))}
                </div>
              }
            >
              {missing.length > 0 && (
                <Notice tone="warn">
                  Not declared yet: {missing.join(", ")}. <Link to="/settings">Say it in the settings</Link>.
                </Notice>
              )}
              <dl className="facts">
                {record.processor && <Fact label="Processor" value={record.processor.name} />}
                <Fact label="Controller" value={record.controller.name} />
                <Fact label="Address" value={[record.controller.address, record.controller.country].filter((part) => part !== NOT_DECLARED).join(", ")} />
                <Fact label="Contact" value={[name, email, phone].filter(Boolean).join(", ")} />
                <Fact label="As it is" value={fullTime(record.made_at)} />
              </dl>
            </Card>
            <div className="card">
              {record.activities.length === 0 ? (
                <Empty icon="notice" title="Nothing is processed yet">
                  <p>
                    Name a <Link to="/purposes">purpose</Link> and open an <Link to="/endpoints">endpoint</Link> for it.
                  </p>
                </Empty>
              ) : (
                <DataTable caption="Processing activities" columns={whose === "controller" ? CONTROLLER : PROCESSOR} rows={record.activities} rowKey={(row) => row.activity} />
              )}
            </div>
            <Card title="What protects it">
              <ul>
                {record.security_measures.map((measure) => (
                  <li key={measure}>{measure}</li>
                ))}
              </ul>
            </Card>
          </div>
        );
      }}
    </Loaded>
  );
}

function Fact({ label, value }: { label: string; value: string }) {
  return (
    <>
      <dt>{label}</dt>
      <dd>{value || <span className="faint">not declared</span>}</dd>
    </>
  );
}

const list = (values: string[] | undefined) => (values && values.length > 0 ? values.join(", ") : <span className="faint">none</span>);

const ACTIVITY: Column<Activity> = { header: "Activity", primary: true, cell: (row) => <strong>{row.activity}</strong> };
const DATA: Column<Activity> = { header: "Personal data", cell: (row) => list(row.personal_data) };
const TRANSFERS: Column<Activity> = { header: "Transfers", cell: (row) => (row.transfers === NOT_DECLARED ? <span className="faint">not declared</span> : row.transfers) };

const CONTROLLER: Column<Activity>[] = [
  ACTIVITY,
  { header: "Why it may", cell: (row) => row.lawful_basis?.replaceAll("_", " ") ?? <span className="faint">not declared</span> },
  DATA,
  { header: "Recipients", cell: (row) => list(row.recipients) },
  { header: "Erased after", cell: (row) => list([...new Set((row.time_limits ?? []).map((limit) => durationInWords(limit)))]) },
  { header: "Endpoints", cell: (row) => list(row.endpoints) },
  { header: "Assessments", cell: (row) => list(row.assessments) },
  TRANSFERS,
];

const PROCESSOR: Column<Activity>[] = [ACTIVITY, DATA, TRANSFERS];
